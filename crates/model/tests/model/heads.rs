//! Outputs from raw scores; expected values are numpy's, scipy's and scikit-learn's own answers.

use std::sync::Arc;

use foretell_frame::{Frame, Labels, Method, Predictions, Shape};
use foretell_model::estimator::{Activation, GaussianNaiveBayes, Layer, Linear, Neural};
use foretell_model::head::{
    ClassPredict, Classification, LabelRule, Link, LogProbability, Probability, Regression,
};
use foretell_model::{Estimator, Fitted, Head, Model, Predictor, Scratch};

use crate::output;
use crate::zoo::{classifier, model, parts};

/// A model whose raw scores are its features.
fn scores(count: usize, head: Head) -> Model {
    let identity = (0..count * count).map(|cell| f64::from(u8::from(cell % (count + 1) == 0))).collect();
    let linear = Linear { features: count, coefficients: identity, intercept: vec![0.0; count] };
    model(count, Vec::new(), Some(Fitted { estimator: Estimator::Linear(linear), head }))
}

fn probabilities(row: &[f64], classes: usize, probability: Probability) -> Vec<f64> {
    let label = if row.len() == 1 { LabelRule::Positive } else { LabelRule::LargestScore };
    let head = Head::Classification(classifier(classes, label, Some(probability)));
    output(scores(row.len(), head), &[row], Method::PredictProba)
}

fn assert_close(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= 1e-15 + 1e-14 * expected.abs(), "got {got}, expected {expected}");
    }
}

#[test]
fn probabilities_of_many_classes() {
    let row = [0.5, -1.25, 2.0];
    let softmax = [0.17682018210744427, 0.030726740326436432, 0.7924530775661193];
    assert_close(&probabilities(&row, 3, Probability::Softmax), &softmax);
    assert_close(&probabilities(&row, 3, Probability::ExpNormalized), &softmax);
    assert_eq!(probabilities(&row, 3, Probability::Scores), row);
    let one_versus_rest = [0.3606460034705548, 0.12902997997412954, 0.5103240165553156];
    assert_close(&probabilities(&row, 3, Probability::SigmoidNormalized), &one_versus_rest);
    let huber = [0.42857142857142855, 0.0, 0.5714285714285714];
    assert_close(&probabilities(&row, 3, Probability::ModifiedHuber), &huber);
    assert_close(&probabilities(&[-1.5, -1.0, -2.0], 3, Probability::ModifiedHuber), &[1.0 / 3.0; 3]);
    let single = [0.17682017385959625, 0.030726740136742592, 0.7924531102180481];
    for (got, expected) in probabilities(&row, 3, Probability::SoftmaxSingle).iter().zip(single) {
        assert!((got - expected).abs() <= 2.0 * f64::from(f32::EPSILON) * expected, "{got} {expected}");
        assert_eq!(*got, f64::from(*got as f32));
    }
}

#[test]
fn probabilities_of_two_classes_from_one_score() {
    assert_close(
        &probabilities(&[0.75], 2, Probability::Sigmoid { scale: 2.0 }),
        &[0.1824255238063563, 0.8175744761936437],
    );
    assert_close(
        &probabilities(&[0.75], 2, Probability::SoftmaxOfBoth),
        &[0.18242552380635632, 0.8175744761936437],
    );
    assert_close(
        &probabilities(&[0.75], 2, Probability::SigmoidNormalized),
        &[1.0 - 0.679178699175393, 0.679178699175393],
    );
    assert_close(&probabilities(&[0.75], 2, Probability::ModifiedHuber), &[0.125, 0.875]);
    assert_eq!(probabilities(&[0.75], 2, Probability::SecondScore), [0.25, 0.75]);
    assert_eq!(
        probabilities(&[0.75], 2, Probability::SigmoidSingle),
        [0.32082128524780273, 0.6791787147521973]
    );
}

#[test]
fn extreme_scores_give_probabilities_all_the_same() {
    assert_eq!(probabilities(&[1e4, -1e4, 0.0], 3, Probability::Softmax), [1.0, 0.0, 0.0]);
    assert_eq!(probabilities(&[1e4], 2, Probability::Sigmoid { scale: 1.0 }), [0.0, 1.0]);
    assert_eq!(probabilities(&[-1e4], 2, Probability::Sigmoid { scale: 1.0 }), [1.0, 0.0]);
}

#[test]
fn classes_follow_the_rule_and_ties_go_to_the_first() {
    let label = |rule, probability, classes, row: &[f64]| {
        let head = Head::Classification(classifier(classes, rule, probability));
        output(scores(row.len(), head), &[row], Method::Predict)[0]
    };
    assert_eq!(label(LabelRule::LargestScore, None, 3, &[1.0, 2.0, 2.0]), 1.0);
    assert_eq!(label(LabelRule::Positive, None, 2, &[0.0]), 0.0);
    assert_eq!(label(LabelRule::Positive, None, 2, &[1e-300]), 1.0);
    assert_eq!(label(LabelRule::NotNegative, None, 2, &[0.0]), 1.0);
    assert_eq!(label(LabelRule::Above(0.5), None, 2, &[0.5]), 0.0);
    assert_eq!(label(LabelRule::Above(0.5), None, 2, &[0.75]), 1.0);
    let second = Some(Probability::SecondScore);
    assert_eq!(label(LabelRule::AboveHalf, second, 2, &[0.5]), 0.0);
    assert_eq!(label(LabelRule::LargestProbability, second, 2, &[0.5]), 0.0);
    assert_eq!(label(LabelRule::LargestProbability, second, 2, &[0.6]), 1.0);
}

#[test]
fn several_targets_stand_side_by_side() {
    let targets = |classes: Vec<Labels>, label, probability| {
        let head = classifier(2, label, Some(probability));
        Head::Classification(Classification { classes, multi_target: true, ..head })
    };
    let head =
        targets(vec![Labels::range(2), Labels::range(3)], LabelRule::LargestScore, Probability::Scores);
    let model = scores(5, head);
    assert_eq!(model.shape(Method::PredictProba), Some(Shape::PerTarget(vec![2, 3])));
    assert_eq!(model.shape(Method::Predict), Some(Shape::Matrix(2)));
    let row: &[f64] = &[0.4, 0.6, 0.1, 0.2, 0.7];
    assert_eq!(output(model.clone(), &[row], Method::Predict), [1.0, 2.0]);
    assert_eq!(output(model, &[row], Method::PredictProba), row);

    let labels = vec![Labels::range(2), Labels::range(2)];
    let model = scores(2, targets(labels, LabelRule::EachAboveHalf, Probability::LabelScores));
    assert_eq!(model.shape(Method::PredictProba), Some(Shape::Matrix(2)));
    assert_eq!(output(model, &[&[0.5, 0.51]], Method::Predict), [0.0, 1.0]);

    let labels = vec![Labels::range(2), Labels::range(2)];
    let model = scores(2, targets(labels, LabelRule::EachPositive, Probability::LabelSigmoid));
    assert_eq!(output(model.clone(), &[&[-1.0, 1.0]], Method::Predict), [0.0, 1.0]);
    assert_eq!(output(model, &[&[0.0, 0.0]], Method::PredictProba), [0.5, 0.5]);
}

#[test]
fn predict_of_a_native_booster_is_not_the_class() {
    let head = |predict| {
        let head = classifier(2, LabelRule::AboveHalf, Some(Probability::SecondScore));
        scores(1, Head::Classification(Classification { predict, margin: Some(Shape::Vector), ..head }))
    };
    let row: &[f64] = &[0.75];
    assert_eq!(output(head(ClassPredict::Probability), &[row], Method::Predict), [0.75]);
    assert_eq!(output(head(ClassPredict::Margin), &[row], Method::Predict), [0.75]);
    assert_eq!(output(head(ClassPredict::Index), &[row], Method::Predict), [1.0]);
    assert_eq!(head(ClassPredict::LabelColumn).shape(Method::Predict), Some(Shape::Matrix(1)));
    assert_eq!(output(head(ClassPredict::LabelColumn), &[row], Method::Predict), [1.0]);
    for predict in [ClassPredict::Probability, ClassPredict::Margin, ClassPredict::Label] {
        assert_eq!(output(head(predict), &[row], Method::Label), [1.0]);
    }
}

#[test]
fn logarithms_of_probabilities() {
    let logs = |log_probability, row: &[f64]| {
        let head = classifier(2, LabelRule::LargestScore, Some(Probability::Scores));
        let head = Classification { log_probability: Some(log_probability), ..head };
        output(scores(2, Head::Classification(head)), &[row], Method::PredictLogProba)
    };
    assert_eq!(logs(LogProbability::OfProbability, &[1.0, 0.0]), [0.0, f64::NEG_INFINITY]);
    assert_close(&logs(LogProbability::OfPositiveProbability, &[1.0, 0.0]), &[0.0, f64::MIN_POSITIVE.ln()]);
    assert_close(
        &logs(LogProbability::OfJoint, &[-6.462876977542161, -8.337877009534346]),
        &[-0.14267505335178488, -2.0176750853439698],
    );
}

#[test]
fn one_versus_rest_may_stay_as_it_is_and_scores_may_be_sums_of_rounds() {
    let each = Probability::SigmoidEach { scale: 2.0 };
    let head = Classification { rounds: 2.0, ..classifier(3, LabelRule::LargestProbability, Some(each)) };
    let model = |method| output(scores(3, Head::Classification(head.clone())), &[&[1.0, -2.0, 0.0]], method);
    assert_close(&model(Method::PredictProba), &[0.7310585786300049, 0.11920292202211755, 0.5]);
    assert_eq!(model(Method::Label), [0.0]);
}

#[test]
fn links_turn_scores_into_values() {
    let of_rounds = |link, rounds, method| {
        let head = Head::Regression(Regression { shape: Shape::Matrix(2), link, margin: true, rounds });
        output(scores(2, head), &[&[0.5, -1.0]], method)
    };
    let link = |link| of_rounds(link, 1.0, Method::Predict);
    assert_eq!(link(Link::Identity), [0.5, -1.0]);
    assert_eq!(link(Link::Exp), [0.5f64.exp(), (-1.0f64).exp()]);
    assert_eq!(link(Link::ExpSingle), [f64::from(0.5f32.exp()), f64::from((-1.0f32).exp())]);
    assert_eq!(link(Link::SigmoidSingle)[0], f64::from(1.0 / (1.0 + (-0.5f32).exp())));
    assert_close(&link(Link::Sigmoid), &[0.6224593312018546, 0.2689414213699951]);
    assert_close(&link(Link::Softplus), &[0.9740769841801067, 0.31326168751822286]);
    assert_eq!(link(Link::SignedSquare), [0.25, -1.0]);
    assert_eq!(link(Link::MeanAndVariance), [0.5, (-2.0f64).exp()]);
    assert_eq!(of_rounds(Link::SignedSquare, 4.0, Method::Predict), [0.015625, -0.0625]);
    assert_eq!(of_rounds(Link::SignedSquare, 4.0, Method::Margin), [0.5, -1.0]);
}

#[test]
fn naive_bayes_agrees_with_scikit_learn() {
    let bayes = GaussianNaiveBayes {
        features: 2,
        log_prior: vec![0.5f64.ln(); 2],
        mean: vec![0.5, 2.0, 5.0, 0.5],
        variance: vec![0.2500000056875, 1.0000000056875, 1.0000000056875, 0.2500000056875],
    };
    let head = classifier(2, LabelRule::LargestScore, Some(Probability::ExpNormalized));
    let head = Classification {
        log_probability: Some(LogProbability::OfJoint),
        decision: Some(Shape::Matrix(2)),
        ..head
    };
    let fitted = Fitted { estimator: Estimator::GaussianNaiveBayes(bayes), head: Head::Classification(head) };
    let model = model(2, Vec::new(), Some(fitted));
    let row: &[f64] = &[2.0, 1.5];
    assert_close(
        &output(model.clone(), &[row], Method::DecisionFunction),
        &[-6.462876977542161, -8.337877009534346],
    );
    assert_close(
        &output(model, &[row], Method::PredictLogProba),
        &[-0.14267505335178488, -2.0176750853439698],
    );
}

#[test]
fn networks_agree_with_scikit_learn() {
    let expected = [
        (Activation::Tanh, [0.729552064097709, 0.2303656541909271, 0.040082281711363764]),
        (Activation::Logistic, [0.7035889793407658, 0.2579977727657931, 0.03841324789344127]),
        (Activation::Relu, [0.8530384254918114, 0.12600285859385663, 0.020958715914332134]),
        (Activation::Identity, [0.8530384254918114, 0.12600285859385663, 0.020958715914332134]),
    ];
    for (activation, expected) in expected {
        let hidden = Layer {
            inputs: 2,
            outputs: 2,
            weights: vec![0.5, -1.0, 0.25, 2.0],
            bias: vec![0.1, -0.2],
            activation,
        };
        let last = Layer {
            inputs: 2,
            outputs: 3,
            weights: vec![1.0, -0.5, 0.25, 0.75, 1.5, -2.0],
            bias: vec![0.3, 0.0, -0.1],
            activation: Activation::Softmax,
        };
        let neural = Neural { layers: vec![hidden, last], single: false };
        let head = classifier(3, LabelRule::LargestProbability, Some(Probability::Scores));
        let fitted = Fitted { estimator: Estimator::Neural(neural), head: Head::Classification(head) };
        let got = output(model(2, Vec::new(), Some(fitted)), &[&[2.0, 1.5]], Method::PredictProba);
        assert_close(&got, &expected);
    }
}

#[test]
fn values_that_are_a_transformation_too_are_given_once_each() {
    let head = Regression { shape: Shape::Matrix(2), link: Link::Identity, margin: false, rounds: 1.0 };
    let fitted = Fitted { estimator: Estimator::Columns, head: Head::Regression(head) };
    let mut parts = parts(2, Vec::new(), Some(fitted));
    parts.pipeline.transform = Some(Vec::new());
    let predictor = Predictor::new(Arc::new(Model::new(parts).unwrap()));
    let mut frame = Frame::new(predictor.model().schema());
    frame.set_rows(1);
    frame.numbers_mut().copy_from_slice(&[3.0, 4.0]);
    let mut out = Predictions::default();
    let methods = predictor.model().methods();
    predictor.predict_into(&frame, methods, &mut Scratch::default(), &mut out).unwrap();
    for method in [Method::Predict, Method::Transform] {
        assert_eq!(out.get(method).unwrap().values(), [3.0, 4.0], "{method:?}");
    }
}
