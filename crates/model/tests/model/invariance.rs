//! What must hold for every kind of model: results depend on the row alone, and predicting allocates nothing.

use std::sync::Arc;

use foretell_frame::{Frame, Method, MethodSet, Predictions};
use foretell_model::{Kernel, Kernels, Model, Predictor, Scratch};
use proptest::prelude::*;

use crate::zoo;

/// Predictors of a model with every kernel that there is.
fn predictors(model: Model) -> Vec<Predictor> {
    let model = Arc::new(model);
    let with = |kernel| {
        let mut predictor = Predictor::new(model.clone());
        predictor.set_kernels(Kernels::all(kernel));
        predictor
    };
    match with(Kernel::Walk).choices() {
        none if none.is_empty() => vec![with(Kernel::Walk)],
        kernels => kernels.into_iter().map(with).collect(),
    }
}

/// All outputs of a batch as bits, one list per method.
fn bits(predictor: &Predictor, frame: &Frame) -> Vec<Vec<u64>> {
    let methods = predictor.model().methods();
    let (mut scratch, mut out) = (Scratch::default(), Predictions::default());
    predictor.predict_into(frame, methods, &mut scratch, &mut out).unwrap();
    let values = |method| out.get(method).unwrap().values().iter().map(|x| x.to_bits()).collect();
    methods.iter().map(values).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_row_is_answered_the_same_in_every_batch(rows in 2usize..300, seed in any::<u64>(), cut in any::<u16>()) {
        for (name, model) in zoo::zoo() {
            let frame = zoo::frame(&model, rows, seed);
            let cut = usize::from(cut) % rows;
            let predictors = predictors(model);
            let whole = bits(&predictors[0], &frame);
            for predictor in &predictors {
                let (mut first, mut last) = (Frame::default(), Frame::default());
                first.copy_rows(&frame, 0, cut);
                last.copy_rows(&frame, cut, rows);
                let parts = bits(predictor, &first).into_iter().zip(bits(predictor, &last));
                let joined: Vec<Vec<u64>> = parts.map(|(first, last)| [first, last].concat()).collect();
                prop_assert_eq!(&joined, &whole, "{}", name);
                let mut single = Frame::default();
                single.copy_rows(&frame, cut, cut + 1);
                for (one, all) in bits(predictor, &single).iter().zip(&whole) {
                    let width = all.len() / rows;
                    prop_assert_eq!(&one[..], &all[cut * width..(cut + 1) * width], "{}", name);
                }
            }
        }
    }
}

#[test]
fn outputs_have_the_shape_the_model_says() {
    for (name, model) in zoo::zoo() {
        let frame = zoo::frame(&model, 3, 1);
        let predictor = Predictor::new(Arc::new(model));
        let (mut scratch, mut out) = (Scratch::default(), Predictions::default());
        let methods = predictor.model().methods();
        predictor.predict_into(&frame, methods, &mut scratch, &mut out).unwrap();
        for method in methods.iter() {
            let width = predictor.model().shape(method).unwrap().width();
            assert_eq!(out.get(method).unwrap().values().len(), 3 * width, "{name} {method:?}");
        }
        for method in Method::ALL.into_iter().filter(|method| !methods.contains(*method)) {
            assert_eq!(predictor.model().shape(method), None, "{name} {method:?}");
            let one = MethodSet::EMPTY.with(method);
            predictor.predict_into(&frame, one, &mut scratch, &mut out).unwrap_err();
        }
    }
}

#[test]
fn predicting_allocates_nothing_once_the_buffers_have_grown() {
    for (name, model) in zoo::zoo() {
        let (one, many) = (zoo::frame(&model, 1, 5), zoo::frame(&model, 300, 6));
        for predictor in predictors(model) {
            let (name, methods) = (format!("{name} {:?}", predictor.kernels()), predictor.model().methods());
            let (mut scratch, mut out) = (Scratch::default(), Predictions::default());
            let mut predict = || {
                for frame in [&many, &one, &many] {
                    predictor.predict_into(frame, methods, &mut scratch, &mut out).unwrap();
                }
            };
            // Buffers of the pool change places, so all of them have grown only after some rounds.
            let grown = allocation_counter::measure(&mut predict);
            assert!(grown.count_total > 0, "{name}: the counter counts");
            (0..4).for_each(|_| predict());
            let counted = allocation_counter::measure(&mut predict);
            assert_eq!(counted.count_total, 0, "{name}");
        }
    }
}

#[test]
fn one_predictor_serves_many_threads() {
    fn shared<T: Send + Sync + Unpin>() {}
    shared::<Predictor>();
    shared::<Scratch>();
    shared::<Model>();
    shared::<foretell_model::ModelError>();
    shared::<foretell_model::PredictError>();
}
