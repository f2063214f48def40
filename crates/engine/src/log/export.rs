//! The record of predictions as a table that a model can be trained on as it is: one column per feature under its own
//! name, then the prediction, the probabilities, the known answer, and what tells one row from another.

use std::collections::HashMap;

use foretell_frame::Labels;
use foretell_store::{LoggedPrediction, StoredSchema};
use serde_json::Value;

use super::Document;

/// What the values of a column are. Any may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Whole numbers.
    Int,
    /// Numbers.
    Float,
    /// `true` and `false`.
    Bool,
    /// Texts.
    Text,
    /// Microseconds since 1970, UTC.
    Time,
}

impl ColumnKind {
    /// What holds the values of both.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Self::Float,
            (Self::Int | Self::Float | Self::Bool | Self::Text | Self::Time, _) => Self::Text,
        }
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
}

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The schema of a version is not one.
    #[error("the recorded schema of version `{version}` cannot be read")]
    Schema {
        /// The version.
        version: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A row is not JSON.
    #[error("the record of row {row} of request `{request_id}` cannot be read")]
    Row {
        /// Id of the request.
        request_id: String,
        /// Position of the row.
        row: u32,
        /// Why.
        source: serde_json::Error,
    },
}

/// What stands in every row beside features and probabilities.
#[derive(Debug, Clone, Copy)]
enum Fact {
    Prediction,
    Actual,
    RequestId,
    Row,
    At,
    Version,
    Role,
    CallerId,
}

const FACTS: [(Fact, &str, ColumnKind); 6] = [
    (Fact::RequestId, "request_id", ColumnKind::Text),
    (Fact::Row, "row", ColumnKind::Int),
    (Fact::At, "at", ColumnKind::Time),
    (Fact::Version, "version", ColumnKind::Text),
    (Fact::Role, "role", ColumnKind::Text),
    (Fact::CallerId, "caller_id", ColumnKind::Text),
];
/// What a fact's column begins with where a feature has its name.
const PREFIX: &str = "log_";

/// The columns of a record, for the rows of several versions. A column that a version does not have is empty there.
#[derive(Debug)]
pub struct RecordTable {
    columns: Vec<Column>,
    /// The first of them, which are features.
    features: usize,
    layouts: HashMap<i64, Layout>,
    facts: Vec<(Fact, usize)>,
}

/// Where the values of one version go.
#[derive(Debug)]
struct Layout {
    version: String,
    features: Vec<usize>,
    probabilities: Vec<usize>,
}

/// Columns by name, in the order in which they were first named.
#[derive(Debug, Default)]
struct Columns {
    all: Vec<Column>,
    positions: HashMap<String, usize>,
}

impl Columns {
    fn position(&mut self, name: String, kind: ColumnKind) -> usize {
        if let Some(position) = self.positions.get(&name) {
            let column = &mut self.all[*position];
            column.kind = column.kind.or(kind);
            return *position;
        }
        self.positions.insert(name.clone(), self.all.len());
        self.all.push(Column { name, kind });
        self.all.len() - 1
    }

    /// A column beside the `features` first ones, which makes way for one of them that has its name.
    fn beside(&mut self, features: usize, name: &str, kind: ColumnKind) -> usize {
        let mut name = name.to_owned();
        while self.positions.get(&name).is_some_and(|position| *position < features) {
            name.insert_str(0, PREFIX);
        }
        self.position(name, kind)
    }
}

impl RecordTable {
    /// The columns for the rows of these versions.
    ///
    /// # Errors
    /// What is stored of a version cannot be read.
    pub fn new(schemas: &[StoredSchema]) -> Result<Self, RecordError> {
        let mut documents = Vec::with_capacity(schemas.len());
        for stored in schemas {
            let version = &stored.schema.version;
            let document = Document::parse(&stored.schema.document)
                .map_err(|source| RecordError::Schema { version: version.clone(), source })?;
            documents.push((stored.id, version, document));
        }
        let mut columns = Columns::default();
        let mut layouts = HashMap::new();
        for (id, version, document) in &documents {
            let feature = |feature: &super::DocumentFeature| {
                let number = feature.kind == "number";
                let kind = if number { ColumnKind::Float } else { ColumnKind::Text };
                columns.position(feature.name.clone(), kind)
            };
            let features = document.features.iter().map(feature).collect();
            let version = String::clone(version);
            layouts.insert(*id, Layout { version, features, probabilities: Vec::new() });
        }
        let count = columns.all.len();
        let kinds = documents.iter().map(|(_, _, document)| answer_kind(document));
        let kind = kinds.reduce(ColumnKind::or).unwrap_or(ColumnKind::Text);
        let mut facts = vec![(Fact::Prediction, columns.beside(count, "prediction", kind))];
        for (id, _, document) in &documents {
            let [classes] = document.classes.as_slice() else { continue };
            let name = |class: &Value| class.as_str().map_or_else(|| class.to_string(), str::to_owned);
            let column =
                |class| columns.beside(count, &format!("probability_{}", name(class)), ColumnKind::Float);
            let probabilities = classes.iter().map(column).collect();
            if let Some(layout) = layouts.get_mut(id) {
                layout.probabilities = probabilities;
            }
        }
        facts.push((Fact::Actual, columns.beside(count, "actual", kind)));
        facts.extend(FACTS.map(|(fact, name, kind)| (fact, columns.beside(count, name, kind))));
        Ok(Self { columns: columns.all, features: count, layouts, facts })
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns that a model can learn from, by their positions: the features.
    pub fn features(&self) -> std::ops::Range<usize> {
        0..self.features
    }

    /// The position of the known answers.
    pub fn actual(&self) -> usize {
        self.position(|fact| matches!(fact, Fact::Actual))
    }

    /// The position of the times.
    pub fn at(&self) -> usize {
        self.position(|fact| matches!(fact, Fact::At))
    }

    fn position(&self, wanted: impl Fn(&Fact) -> bool) -> usize {
        self.facts.iter().find(|(fact, _)| wanted(fact)).map_or(0, |(_, position)| *position)
    }

    /// The values of a row, one for each column; `null` where there is none. A number that JSON cannot write is one of
    /// the texts `NaN`, `Infinity` and `-Infinity`.
    ///
    /// # Errors
    /// The record is not JSON.
    pub fn row(
        &self,
        schema: i64,
        row: &LoggedPrediction,
        cells: &mut Vec<Value>,
    ) -> Result<(), RecordError> {
        let bad = |source| RecordError::Row { request_id: row.request_id.clone(), row: row.row, source };
        cells.clear();
        cells.resize(self.columns.len(), Value::Null);
        let Some(layout) = self.layouts.get(&schema) else { return Ok(()) };
        let features: Vec<Value> = serde_json::from_str(&row.features).map_err(bad)?;
        for (value, column) in features.into_iter().zip(&layout.features) {
            cells[*column] = value;
        }
        let mut outputs: Value = serde_json::from_str(&row.outputs).map_err(bad)?;
        if let Some(Value::Array(probabilities)) = outputs.get_mut("probability").map(Value::take) {
            for (value, column) in probabilities.into_iter().zip(&layout.probabilities) {
                cells[*column] = value;
            }
        }
        for (fact, column) in &self.facts {
            cells[*column] = match fact {
                Fact::Prediction => outputs.get_mut("prediction").map(Value::take).unwrap_or_default(),
                Fact::Actual => match &row.actual {
                    Some(actual) => serde_json::from_str(actual).map_err(bad)?,
                    None => Value::Null,
                },
                Fact::RequestId => row.request_id.as_str().into(),
                Fact::Row => row.row.into(),
                Fact::At => row.at.into(),
                Fact::Version => layout.version.as_str().into(),
                Fact::Role => row.role.as_str().into(),
                Fact::CallerId => row.caller_id.as_deref().into(),
            };
        }
        Ok(())
    }
}

/// What the answers of a version are.
fn answer_kind(document: &Document) -> ColumnKind {
    match document.labels() {
        Some(Labels::Int(_)) => ColumnKind::Int,
        Some(Labels::Float(_)) => ColumnKind::Float,
        Some(Labels::Bool(_)) => ColumnKind::Bool,
        Some(Labels::Text(_)) => ColumnKind::Text,
        None if document.task == "regression" => ColumnKind::Float,
        None => ColumnKind::Text,
    }
}

#[cfg(test)]
mod tests {
    use foretell_store::{PredictionSchema, ServedAs};
    use serde_json::json;

    use super::*;

    fn stored(id: i64, version: &str, features: &Value, classes: &Value) -> StoredSchema {
        let document = json!({"task": "classification", "features": features, "classes": [classes]});
        let schema = PredictionSchema {
            model: "iris".into(),
            version: version.into(),
            document: document.to_string(),
        };
        StoredSchema { id, schema }
    }

    fn logged() -> LoggedPrediction {
        LoggedPrediction {
            at: 5,
            request_id: "r".into(),
            row: 0,
            features: "[1.5,null]".into(),
            outputs: r#"{"prediction":1,"probability":[0.25,0.75]}"#.into(),
            latency_us: 1,
            key_id: None,
            caller_id: None,
            role: ServedAs::Primary,
            actual: Some("0".into()),
        }
    }

    #[test]
    fn versions_share_their_columns() {
        let one = json!([{"name": "a", "type": "number"}, {"name": "b", "type": "string"}]);
        let two = json!([{"name": "c", "type": "number"}, {"name": "a", "type": "number"}]);
        let schemas = [stored(1, "1", &one, &json!([0, 1])), stored(2, "2", &two, &json!([0, 1]))];
        let table = RecordTable::new(&schemas).unwrap();
        let names: Vec<_> = table.columns().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "a",
                "b",
                "c",
                "prediction",
                "probability_0",
                "probability_1",
                "actual",
                "request_id",
                "row",
                "at",
                "version",
                "role",
                "caller_id"
            ]
        );
        assert_eq!(table.columns()[3].kind, ColumnKind::Int);
        assert_eq!((table.features(), table.actual(), table.at()), (0..3, 6, 9));
        let mut cells = Vec::new();
        table.row(2, &logged(), &mut cells).unwrap();
        let expected = json!([null, null, 1.5, 1, 0.25, 0.75, 0, "r", 0, 5, "2", "primary", null]);
        assert_eq!(Value::Array(cells), expected);
    }

    #[test]
    fn a_feature_keeps_its_name() {
        let features =
            json!([{"name": "version", "type": "number"}, {"name": "probability_x", "type": "string"}]);
        let table = RecordTable::new(&[stored(1, "1", &features, &json!(["x"]))]).unwrap();
        let mut cells = Vec::new();
        table.row(1, &logged(), &mut cells).unwrap();
        let named = |name| table.columns().iter().position(|column| column.name == name).map(|at| &cells[at]);
        assert_eq!(named("version"), Some(&json!(1.5)));
        assert_eq!(named("log_version"), Some(&json!("1")));
        assert_eq!(named("probability_x"), Some(&Value::Null));
        assert_eq!(named("log_probability_x"), Some(&json!(0.25)));
    }

    #[test]
    fn labels_of_two_kinds_are_texts() {
        let features = json!([]);
        let schemas = [stored(1, "1", &features, &json!([0])), stored(2, "2", &features, &json!(["a"]))];
        let table = RecordTable::new(&schemas).unwrap();
        assert_eq!(table.columns()[0].kind, ColumnKind::Text);
    }
}
