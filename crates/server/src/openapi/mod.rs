//! The description of the API: an OpenAPI 3.1 document, made when the service starts from the models' own schemas.
//!
//! Every path is written out with the model's name in it, because each model takes and answers something else.

mod admin;
mod bounds;
mod feedback;
mod input;
mod output;
mod paths;

use std::collections::HashSet;

use foretell_frame::{Labels, Schema};
use serde_json::{Map, Value, json};

use crate::config::DatasetAnswer;
use crate::expression::Expression;
pub(crate) use bounds::bounds;
use input::Forms;
pub(crate) use output::Output;

/// What the document describes.
#[derive(Debug)]
pub(crate) struct Api<'a> {
    /// Version of the program.
    pub version: &'a str,
    /// The models; the first is the default.
    pub models: Vec<ModelApi<'a>>,
    /// The configured endpoints of models.
    pub routes: Vec<RouteApi<'a>>,
    /// The datasets.
    pub datasets: Vec<DatasetApi<'a>>,
    /// The configured endpoints of datasets.
    pub dataset_routes: Vec<DatasetRouteApi<'a>>,
    /// Who may ask, and how often.
    pub security: Security,
}

/// Who may ask, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Security {
    /// Whether predictions need a key.
    pub predictions: bool,
    /// Whether the metrics do.
    pub metrics: bool,
    /// Whether callers may ask only so often.
    pub limited: bool,
    /// Whether predictions are recorded.
    pub log: bool,
    /// Whether there is a registry to administer.
    pub admin: bool,
}

/// One model.
#[derive(Debug, Clone)]
pub(crate) struct ModelApi<'a> {
    /// Name under which it is served.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// What it is, for people, such as `DecisionTreeClassifier of scikit-learn 1.9.1`.
    pub summary: String,
    /// What it takes.
    pub schema: &'a Schema,
    /// The least and the greatest number that each feature takes, by position, where there are such.
    pub bounds: Vec<Option<(f64, f64)>>,
    /// What it gives.
    pub outputs: Vec<Output<'a>>,
    /// The outputs it gives unasked.
    pub defaults: Vec<&'static str>,
    /// The classes of each target.
    pub classes: &'a [Labels],
    /// Its answer to the example row, as a row and as a record.
    pub answers: [Value; 2],
}

impl ModelApi<'_> {
    fn forms(&self) -> Forms<'_> {
        Forms { schema: self.schema, bounds: &self.bounds }
    }
}

/// A configured endpoint of a model.
#[derive(Debug)]
pub(crate) struct RouteApi<'a> {
    /// Its path.
    pub path: &'a str,
    /// The model, by its position.
    pub model: usize,
    /// The outputs it gives unasked.
    pub defaults: Vec<&'static str>,
    /// What shapes the answer.
    pub expression: Option<&'a Expression>,
    /// Its answer to the example row, as a row and as a record.
    pub answers: [Value; 2],
}

/// A dataset.
#[derive(Debug)]
pub(crate) struct DatasetApi<'a> {
    /// Its name.
    pub name: &'a str,
    /// Number of rows.
    pub rows: usize,
    /// Names of the columns.
    pub columns: &'a [String],
    /// The models that predict on it, by their positions.
    pub models: Vec<usize>,
}

/// A configured endpoint of a dataset.
#[derive(Debug)]
pub(crate) struct DatasetRouteApi<'a> {
    /// Its path.
    pub path: &'a str,
    /// The dataset, by its position.
    pub dataset: usize,
    /// Which answer it gives.
    pub answer: DatasetAnswer,
    /// What shapes the answer.
    pub expression: Option<&'a Expression>,
}

/// A body with the example row of a schema.
pub(crate) fn example_body(schema: &Schema) -> Value {
    json!({"data": [Forms { schema, bounds: &[] }.example_row()]})
}

impl Api<'_> {
    /// The whole document.
    pub(crate) fn document(&self) -> Value {
        let mut components = Components::default();
        let models: Vec<_> = self.models.iter().map(|model| components.model(model)).collect();
        let paths = paths::paths(self, &models);
        components.schemas.insert("Number".into(), output::number());
        components.schemas.insert("Problem".into(), output::problem());
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "foretell",
                "version": self.version,
                "description": "Predictions of the models that this service has loaded. \
                    Bodies may be compressed with gzip or deflate. \
                    A whole number must have an exact float64: it lies between -2^53 and 2^53."
            },
            "tags": [
                {"name": "predict", "description": "Send rows, get predictions."},
                {"name": "datasets", "description": "Tables served beside the models."},
                {"name": "models", "description": "What is served, what it takes and what it gives."},
                {"name": "feedback", "description": "What really happened, and how good the models are."},
                {"name": "admin", "description": "The registry and the keys."},
                {"name": "service", "description": "Health and metrics."}
            ],
            "paths": paths,
            "components": {
                "schemas": components.schemas,
                "responses": paths::problems(),
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
                    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."}
                }
            }
        })
    }
}

/// The schemas that paths refer to.
#[derive(Debug, Default)]
struct Components {
    schemas: Map<String, Value>,
    prefixes: HashSet<String>,
}

/// A model with the prefix of its schemas' names.
#[derive(Debug)]
struct Described {
    prefix: String,
}

impl Described {
    fn reference(&self, schema: &str) -> Value {
        json!({"$ref": format!("#/components/schemas/{}.{schema}", self.prefix)})
    }
}

impl Components {
    /// Adds the schemas of a model.
    fn model(&mut self, model: &ModelApi<'_>) -> Described {
        let described = Described { prefix: self.prefix(model.name) };
        let forms = model.forms();
        let [lists, indexed] = forms.columns();
        let row = json!({"anyOf": [described.reference("Row"), described.reference("Record")]});
        let rows = json!({"type": "array", "description": "Rows or records.", "items": row, "minItems": 1});
        let mut bodies: Vec<_> =
            ["Rows", "Record", "Columns", "IndexedColumns"].map(|form| described.reference(form)).into();
        // A feature of this name makes `{"data": ...}` a record or columns.
        if model.schema.position("data").is_none() {
            let data = json!({"anyOf": [described.reference("Rows"), described.reference("Csv")]});
            let wrapped = json!({"type": "object", "properties": {"data": data}, "required": ["data"], "additionalProperties": false});
            bodies.insert(0, wrapped);
        }
        let answer = |one| output::answer(model.name, &model.outputs, model.classes, one);
        let schemas = [
            ("Body", json!({"anyOf": bodies})),
            ("Rows", rows),
            ("Row", forms.row()),
            ("Record", forms.record()),
            ("Columns", lists),
            ("IndexedColumns", indexed),
            ("Csv", forms.csv()),
            ("Answers", answer(false)),
            ("Answer", answer(true)),
        ];
        for (name, schema) in schemas {
            self.schemas.insert(format!("{}.{name}", described.prefix), schema);
        }
        described
    }

    /// A name for this model's schemas, in the characters that OpenAPI allows there.
    fn prefix(&mut self, name: &str) -> String {
        let plain: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' })
            .collect();
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let mut candidates = std::iter::once(plain.clone()).chain(numbered);
        candidates.find(|prefix| self.prefixes.insert(prefix.clone())).expect("the numbers do not end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foretell_engine::Values;
    use foretell_frame::{Cell, Feature, Shape};
    use std::collections::BTreeSet;

    fn feature(name: &str) -> Feature {
        Feature { example: Cell::Number(1.5), ..Feature::number(name) }
    }

    fn document(names: &[&str]) -> Value {
        let schema = Schema::new(vec![feature("a"), feature("b")], true).unwrap();
        let classes = [Labels::Int(vec![0, 1])];
        let model = |name| ModelApi {
            name,
            version: "1.0",
            summary: "A model".into(),
            schema: &schema,
            bounds: vec![None, Some((-1e30, 1e30))],
            outputs: vec![
                Output { name: "prediction", shape: Shape::Vector, values: Values::Classes(&classes) },
                Output { name: "probability", shape: Shape::Matrix(2), values: Values::Numbers },
            ],
            defaults: vec!["prediction", "probability"],
            classes: &classes,
            answers: [json!({"prediction": [1]}), json!({"prediction": 1})],
        };
        let expression = Expression::compile("{p: probability[0][1]}").unwrap();
        let columns = ["a".to_owned(), "b".to_owned()];
        let api = Api {
            version: "0.1.0",
            models: names.iter().map(|name| model(name)).collect(),
            routes: vec![RouteApi {
                path: "/v1/x",
                model: 0,
                defaults: vec!["prediction"],
                expression: Some(&expression),
                answers: [json!({"p": 0.5}), json!({"p": 0.5})],
            }],
            datasets: vec![DatasetApi { name: "test set", rows: 10, columns: &columns, models: vec![0] }],
            dataset_routes: vec![DatasetRouteApi {
                path: "/line/{n}",
                dataset: 0,
                answer: DatasetAnswer::Line,
                expression: None,
            }],
            security: Security { predictions: true, ..Security::default() },
        };
        api.document()
    }

    /// Every `$ref` of a document.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document(&["iris", "ir is", "ir_is"]);
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_endpoint_is_there_once_under_an_id_of_its_own() {
        let document = document(&["iris", "ir is", "ir_is"]);
        let paths = document["paths"].as_object().unwrap();
        for path in [
            "/predict",
            "/models/iris/predict",
            "/models/ir%20is/versions/1.0/predict",
            "/models/ir_is",
            "/v1/x",
            "/line/{n}",
            "/datasets/test%20set/predictions/{n}",
            "/health/ready",
            "/metrics",
        ] {
            assert!(paths.contains_key(path), "{path}");
        }
        let operations: Vec<_> = paths.values().flat_map(|path| path.as_object().unwrap().values()).collect();
        let ids: BTreeSet<_> =
            operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), operations.len());
    }

    #[test]
    fn what_needs_a_key_says_so() {
        let document = document(&["iris"]);
        let operation = &document["paths"]["/predict"]["post"];
        assert_eq!(operation["security"], json!([{"bearer": []}, {"key": []}]));
        assert!(operation["responses"]["401"].is_object());
        for open in ["/health", "/metrics", "/openapi.json"] {
            assert!(document["paths"][open]["get"]["security"].is_null(), "{open}");
        }
    }

    #[test]
    fn a_shaped_answer_has_the_schema_of_its_expression() {
        let document = document(&["iris"]);
        let content = &document["paths"]["/v1/x"]["post"]["responses"]["200"]["content"]["application/json"];
        assert_eq!(content["schema"]["required"], json!(["p"]));
        assert_eq!(content["example"], json!({"p": 0.5}));
    }
}
