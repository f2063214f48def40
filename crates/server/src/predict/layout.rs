//! Where the values of a row stood in the body, so that an error names the place that the caller knows.

use foretell_frame::{Schema, Violation, ViolationKind};

use crate::problem::{Fault, Place};

/// The form of a body.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Layout {
    /// Rows under `data`.
    Data,
    /// Rows.
    Rows,
    /// One record.
    Record,
    /// Columns. Their rows have these names, or numbers when there are none.
    Columns(Vec<String>),
}

/// What was decoded beside the rows in the frame.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decoded {
    /// The form of the body.
    pub(super) layout: Layout,
    /// Whether the body was one record, so that the answer is one too.
    pub(super) one: bool,
}

impl Layout {
    /// The violations as the caller sees them.
    pub(super) fn faults(&self, violations: &[Violation], schema: &Schema) -> Vec<Fault> {
        violations.iter().map(|violation| self.fault(violation, schema)).collect()
    }

    fn fault(&self, violation: &Violation, schema: &Schema) -> Fault {
        let feature = match (&violation.kind, violation.feature) {
            (ViolationKind::UnknownName { name, .. }, _) => Some(Place::from(name.as_str())),
            (_, Some(position)) if schema.named() || matches!(self, Self::Record | Self::Columns(_)) => {
                Some(Place::from(schema.features()[position].name.as_str()))
            }
            (_, Some(position)) => Some(Place::from(position)),
            (_, None) => None,
        };
        let row = violation.row;
        let mut loc: Vec<Place> = match self {
            Self::Data => vec!["data".into(), row.into()],
            Self::Rows => vec![row.into()],
            Self::Record | Self::Columns(_) => Vec::new(),
        };
        loc.extend(feature);
        if let Self::Columns(names) = self {
            loc.push(names.get(row).map_or(Place::from(row), |name| Place::from(name.as_str())));
        }
        Fault { loc, msg: violation.message(schema), kind: violation.code() }
    }
}
