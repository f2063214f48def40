//! The language of artifacts: every type of a model with its fields and variants, under the names they have in files.
//! The [module](super) says how it may change.

mod estimator;
mod head;
mod step;

use foretell_frame::{Cell, Feature, Labels, Shape};

use super::code::{Code, choice, item, name, read_fields, take_field, write_field};
use super::read::{Decoded, Decoder};
use super::write::Encoder;
use crate::model::{Description, Model, ModelParts, Part, Provenance, Task};
use crate::pipeline::{Fitted, Pipeline};

/// Writes a model as the [`ModelParts`] that make it.
pub(super) fn encode_model(model: &Model, out: &mut Encoder) {
    let schema = model.schema();
    let names = schema.features().iter().map(|feature| feature.name.clone());
    out.begin("Model");
    out.field("pipeline", model.pipeline());
    out.field("features", &schema.len());
    let names: Vec<_> = names.collect();
    let made_up = names.iter().enumerate().all(|(at, name)| *name == Feature::made_up_name(at));
    let (names, hints) =
        if schema.named() { (Some(names), None) } else { (None, (!made_up).then_some(names)) };
    out.field("names", &names);
    if hints.is_some() {
        out.field("hints", &hints);
    }
    out.field("task", &model.task());
    out.field("output_names", &model.output_names().map(<[String]>::to_vec));
    out.field("description", model.description());
    out.field("provenance", model.provenance());
    out.end();
}

choice!(Task { Classification, Regression, Ranking, Clustering, Outlier, Transform });
item!(Part { name, class, parts });
item!(Description { estimator, steps });
item!(Provenance { format, library, library_version });
item!(ModelParts as "Model" { pipeline, features, names, hints = None, task, output_names, description, provenance });
item!(Pipeline { steps, scoring, estimator, transform, flat });
item!(Fitted { estimator, head });
choice!(Labels {
    Int(value),
    Float(value),
    Bool(value),
    Text(value),
});
choice!(Cell {
    Number(value),
    Text(value),
    Missing,
});
choice!(Shape {
    Vector,
    Matrix(value),
    PerTarget(value),
});
