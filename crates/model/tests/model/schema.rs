//! What a model says of its features, learned from its pipeline alone.

use foretell_frame::{Cell, Feature, Kind};
use foretell_model::estimator::Linear;
use foretell_model::step::{
    Accepts, Arithmetic, Branch, Function, Impute, Norm, Normalize, OneHot, Scale, Step, Unknown,
};
use foretell_model::{Estimator, Fitted, Model, head::Link};

use crate::zoo::{Numbers, forest, linear, model, regression, texts};

fn features(steps: Vec<Step>, estimator: Option<Fitted>) -> Vec<Feature> {
    model(3, steps, estimator).schema().features().to_vec()
}

fn branch(columns: &[usize], steps: Vec<Step>) -> Branch {
    Branch { columns: columns.to_vec(), steps, weight: None }
}

fn fit_linear(width: usize) -> Option<Fitted> {
    let estimator = linear(width, 1, &mut Numbers(1));
    Some(Fitted { estimator, head: regression(1, Link::Identity) })
}

fn impute(fill: Vec<Option<Cell>>) -> Step {
    Step::Impute(Impute { marker: Cell::Missing, fill, indicators: Vec::new(), refuse_missing: Vec::new() })
}

#[test]
fn kinds_follow_from_categories_and_unseen_features_are_unused() {
    let one_hot = Step::OneHot(OneHot { columns: vec![texts(&["red", "blue"])], unknown: Unknown::Error });
    let features = features(vec![Step::Parallel(vec![branch(&[2], vec![one_hot])])], fit_linear(2));
    let kinds: Vec<Kind> = features.iter().map(|feature| feature.kind).collect();
    assert_eq!(kinds, [Kind::Unused, Kind::Unused, Kind::Text]);
    let color = &features[2];
    assert_eq!(color.categories, Some(vec![Cell::Text("red".into()), Cell::Text("blue".into())]));
    assert!(color.closed && !color.nullable);
    assert_eq!(color.example, Cell::Text("red".into()));
}

#[test]
fn missing_values_are_accepted_where_an_imputer_clears_them_in_every_branch() {
    let fill = vec![Some(Cell::Number(5.5)), Some(Cell::Number(2.0))];
    let branches = vec![branch(&[0, 1], vec![impute(fill)]), branch(&[1, 2], Vec::new())];
    let features = features(vec![Step::Parallel(branches)], fit_linear(4));
    let nullable: Vec<bool> = features.iter().map(|feature| feature.nullable).collect();
    assert_eq!(nullable, [true, false, false]);
    assert_eq!(features[0].example, Cell::Number(5.5));
}

#[test]
fn texts_from_an_imputer_are_texts_before_it() {
    let steps = vec![impute(vec![Some(Cell::Text("?".into()))])];
    let features = features(vec![Step::Parallel(vec![branch(&[1], steps)])], None);
    assert_eq!((features[1].kind, features[1].nullable), (Kind::Text, true));
}

#[test]
fn scalers_pass_missing_values_on_and_refuse_infinite_ones() {
    let scale = Step::Scale(Scale {
        operations: vec![Arithmetic::Subtract(vec![0.0; 3])],
        range: Some(vec![(4.3, 7.9), (0.0, 1.0), (f64::NAN, 1.0)]),
        centre: Some(vec![5.84333333, 0.5, 0.5]),
    });
    let all = |steps| {
        let features = features(steps, None);
        features.iter().map(|feature| (feature.nullable, feature.infinite)).collect::<Vec<_>>()
    };
    assert_eq!(all(vec![scale.clone()]), [(true, false); 3]);
    assert_eq!(all(vec![Step::Elementwise(vec![Function::Exp])]), [(true, true); 3]);
    let normalize = Step::Normalize(Normalize { norm: Norm::L2, smallest: 0.0 });
    assert_eq!(all(vec![scale.clone(), normalize]), [(false, false); 3]);
    let require = Step::Require(Accepts { missing: false, infinite: true });
    assert_eq!(all(vec![require]), [(false, true); 3]);
    let features = features(vec![scale], None);
    assert_eq!(features[0].range, Some((4.3, 7.9)));
    assert_eq!(features[2].range, None);
    assert_eq!(features[0].example, Cell::Number(5.843));
}

#[test]
fn trees_say_themselves_what_they_accept_and_give_examples() {
    for (missing, infinite) in [(false, false), (true, false), (true, true)] {
        let mut trees = forest(3, 1, 1, 1, false, &mut Numbers(3));
        (trees.missing, trees.infinite) = (missing, infinite);
        trees.nodes.feature[0] = 1;
        trees.nodes.threshold[0] = 2.449999988079071;
        let head = regression(1, Link::Identity);
        let features = features(Vec::new(), Some(Fitted { estimator: Estimator::Trees(trees), head }));
        for feature in &features {
            assert_eq!((feature.nullable, feature.infinite), (missing, infinite));
        }
        assert_eq!(features[1].example, Cell::Number(2.45));
        assert_eq!(features[0].example, Cell::Number(0.0));
    }
}

#[test]
fn names_are_made_up_until_they_are_given() {
    let model: Model = model(3, Vec::new(), None);
    assert_eq!((model.schema().named(), &*model.schema().features()[1].name), (false, "f1"));
    let names = ["a", "b", "c"].map(String::from);
    let named = model.clone().with_names(&names).unwrap();
    assert_eq!(named.schema().position("c"), Some(2));
    let error = model.with_names(&names[..2]).unwrap_err();
    assert_eq!(error.to_string(), "expected 3 feature names, got 2");
}

#[test]
fn categories_that_are_given_stand_for_their_positions() {
    let linear = Linear { features: 2, coefficients: vec![1.0, 10.0], intercept: vec![0.0] };
    let head = regression(1, Link::Identity);
    let model: Model = model(2, Vec::new(), Some(Fitted { estimator: Estimator::Linear(linear), head }));
    let texts = |texts: &[&str]| texts.iter().map(|text| Cell::Text((*text).into())).collect::<Vec<_>>();
    let given = model.clone().with_categories(&[("f1", texts(&["low", "high"]))]).unwrap();
    let feature = &given.schema().features()[1];
    assert_eq!((feature.kind, feature.closed, feature.nullable), (Kind::Text, true, false));
    assert_eq!(feature.categories, Some(texts(&["low", "high"])));
    assert_eq!(given.schema().features()[0].kind, Kind::Number);
    let refusal = |name, values| model.clone().with_categories(&[(name, values)]).unwrap_err().to_string();
    assert_eq!(refusal("g", texts(&["low"])), "the model has no feature `g`");
    assert_eq!(refusal("f1", Vec::new()), "categories of `f1`: expected at least one category, got 0");
    let twice = refusal("f1", texts(&["low", "low"]));
    assert_eq!(twice, "categories of `f1`: expected every category once, got `low` twice");
    let mixed = refusal("f1", vec![Cell::Number(1.0), Cell::Text("low".into())]);
    assert_eq!(mixed, "categories of `f1`: expected all texts or all numbers, got `low`");
    let known = given.with_categories(&[("f1", texts(&["low"]))]).unwrap_err().to_string();
    let expected =
        "categories of `f1`: expected a feature that takes codes, got one whose categories the model knows";
    assert_eq!(known, expected);
}
