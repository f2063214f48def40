//! Names of the columns of CSV answers.

use foretell_engine::{LiveModel, Values};
use foretell_frame::{Labels, Method, Shape};

use super::value::csv_label;

/// The name of each value of a method in a row: `predict`, `predict_proba_<class>`, `transform_<column>`.
pub(super) fn names(model: &LiveModel, method: Method, shape: &Shape) -> Vec<String> {
    let name = method.as_str();
    let classes = |target: usize| model.classes().get(target).map(labels).unwrap_or_default();
    match shape {
        Shape::Vector => vec![name.to_owned()],
        Shape::Matrix(width) => {
            let known = match model.values(method) {
                _ if method == Method::Transform => model.output_names().map(<[String]>::to_vec),
                Values::Numbers if model.classes().len() == 1 => Some(classes(0)),
                Values::Numbers | Values::Classes(_) | Values::Table(_) => None,
            };
            match known.filter(|known| known.len() == *width) {
                Some(known) => known.iter().map(|known| format!("{name}_{known}")).collect(),
                None => (0..*width).map(|column| format!("{name}_{column}")).collect(),
            }
        }
        Shape::PerTarget(widths) => {
            let of_target = |target: usize| classes(target).into_iter().map(move |class| (target, class));
            (0..widths.len())
                .flat_map(of_target)
                .map(|(target, class)| format!("{name}_{target}_{class}"))
                .collect()
        }
    }
}

fn labels(labels: &Labels) -> Vec<String> {
    let text = |class| {
        let mut text = Vec::new();
        // Writing to memory cannot fail.
        let _ = csv_label(&mut text, labels, class);
        String::from_utf8_lossy(&text).into_owned()
    };
    (0..labels.len()).map(text).collect()
}
