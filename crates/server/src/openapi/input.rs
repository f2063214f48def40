//! JSON Schemas and examples of what a model takes, in each of the body forms.
//!
//! The schemas say what the service accepts and nothing wider, so that a client which keeps to them is never refused.
//! JSON Schema cannot say two things: that an integer has an exact float64, and that all columns have the same number
//! of rows. The first is left to the description, the second is why columns are described with one row, unless there is
//! only one column.

use foretell_frame::{Cell, Feature, Kind, Schema};
use serde_json::{Map, Value, json};

use crate::models::cell as value;

/// The body forms of one model: schemas by the suffix of their component's name, and examples by theirs.
pub(super) struct Forms<'a> {
    /// What the model takes.
    pub(super) schema: &'a Schema,
    /// The least and the greatest number that each feature takes, by position, where there are such.
    pub(super) bounds: &'a [Option<(f64, f64)>],
}

impl Forms<'_> {
    /// One row in feature order.
    pub(super) fn row(&self) -> Value {
        let cells: Vec<_> = self.features().map(|(feature, bound)| cell(feature, bound)).collect();
        let (count, alike) = (cells.len(), cells.windows(2).all(|pair| pair[0] == pair[1]));
        let description = "The values of one row, in the order of the model's features.";
        match cells.first() {
            Some(cell) if alike => {
                json!({"type": "array", "description": description, "items": cell, "minItems": count, "maxItems": count})
            }
            _ => json!({
                "type": "array", "description": description,
                "prefixItems": cells, "items": false, "minItems": count, "maxItems": count
            }),
        }
    }

    /// One row by name.
    pub(super) fn record(&self) -> Value {
        let properties = self.properties(|feature, bound| described(feature, cell(feature, bound)));
        self.object("One row, by the names of the model's features.", properties)
    }

    /// A table by columns, in both of pandas' spellings.
    pub(super) fn columns(&self) -> [Value; 2] {
        let single = self.schema.len() == 1;
        let lists = self.properties(|feature, bound| {
            let mut list = json!({"type": "array", "items": cell(feature, bound), "minItems": 1});
            if !single {
                list["maxItems"] = json!(1);
            }
            list
        });
        let indexed = self.properties(|feature, bound| match single {
            true => json!({"type": "object", "additionalProperties": cell(feature, bound), "minProperties": 1}),
            false => json!({
                "type": "object", "properties": {"0": cell(feature, bound)}, "required": ["0"], "additionalProperties": false
            }),
        });
        let more = "Any number of rows may follow, the same number in every column.";
        [
            self.object(&format!("A table: one list per column. {more}"), lists),
            self.object(&format!("A table as pandas' `DataFrame.to_json()` writes it. {more}"), indexed),
        ]
    }

    /// A row as comma-separated text.
    pub(super) fn csv(&self) -> Value {
        let cells: Vec<_> = self.schema.features().iter().map(csv_cell).collect();
        let row = cells.join(",");
        json!({
            "type": "string",
            "description": "Rows of comma-separated values in the order of the model's features, one per line, without a header.",
            "pattern": format!("^{row}(\\r?\\n{row})*(\\r?\\n)?$")
        })
    }

    /// An example of a row.
    pub(super) fn example_row(&self) -> Value {
        self.schema.features().iter().map(|feature| value(&feature.example)).collect()
    }

    /// An example of a record.
    pub(super) fn example_record(&self) -> Value {
        let pair = |feature: &Feature| (feature.name.clone(), value(&feature.example));
        Value::Object(self.schema.features().iter().map(pair).collect())
    }

    /// An example of a table by columns, as pandas writes it.
    pub(super) fn example_columns(&self) -> Value {
        let pair = |feature: &Feature| (feature.name.clone(), json!({"0": value(&feature.example)}));
        Value::Object(self.schema.features().iter().map(pair).collect())
    }

    /// An example of comma-separated text.
    pub(super) fn example_csv(&self) -> String {
        let text = |feature: &Feature| match &feature.example {
            Cell::Number(_) => value(&feature.example).to_string(),
            Cell::Text(text) => text.clone(),
            Cell::Missing => String::new(),
        };
        self.schema.features().iter().map(text).collect::<Vec<_>>().join(",")
    }

    /// The features, each with its bounds.
    fn features(&self) -> impl Iterator<Item = (&Feature, Option<(f64, f64)>)> {
        let bounds = self.bounds.iter().copied().chain(std::iter::repeat(None));
        self.schema.features().iter().zip(bounds)
    }

    fn properties(&self, schema: impl Fn(&Feature, Option<(f64, f64)>) -> Value) -> Map<String, Value> {
        self.features().map(|(feature, bound)| (feature.name.clone(), schema(feature, bound))).collect()
    }

    fn object(&self, description: &str, properties: Map<String, Value>) -> Value {
        let needed = self.schema.features().iter().filter(|feature| feature.kind != Kind::Unused);
        let required: Vec<_> = needed.map(|feature| &feature.name).collect();
        json!({
            "type": "object", "description": description,
            "properties": properties, "required": required, "additionalProperties": false
        })
    }
}

/// What a feature takes as JSON.
fn cell(feature: &Feature, bound: Option<(f64, f64)>) -> Value {
    let mut types = match feature.kind {
        Kind::Number => vec!["number", "boolean"],
        Kind::Text if feature.digits => vec!["string", "integer"],
        Kind::Text => vec!["string"],
        Kind::Unused => return json!({}),
    };
    if let Some(categories) = feature.categories.as_ref().filter(|_| feature.closed) {
        let mut known: Vec<_> = categories.iter().flat_map(spellings).collect();
        if feature.nullable && !known.contains(&Value::Null) {
            known.push(Value::Null);
        }
        return json!({"enum": known});
    }
    if feature.nullable {
        types.push("null");
    }
    let mut schema = match types.as_slice() {
        [only] => json!({"type": only}),
        several => json!({"type": several}),
    };
    if let (Kind::Number, Some((low, high))) = (feature.kind, bound) {
        merge(&mut schema, json!({"minimum": low, "maximum": high}));
    }
    schema
}

/// The JSON values that mean this category: a boolean counts as the number 0 or 1.
fn spellings(category: &Cell) -> Vec<Value> {
    let mut spellings = vec![value(category)];
    match category {
        Cell::Number(0.0) => spellings.push(json!(false)),
        Cell::Number(1.0) => spellings.push(json!(true)),
        Cell::Number(_) | Cell::Text(_) | Cell::Missing => {}
    }
    spellings
}

/// The schema of a feature with what is known of its values.
fn described(feature: &Feature, mut schema: Value) -> Value {
    let mut sentences = Vec::new();
    if let Some((low, high)) = feature.range {
        sentences.push(format!("From {low} to {high} in training."));
    }
    if feature.date {
        sentences.push("A date, or a date and a time, in ISO 8601.".to_owned());
    }
    if let Some(categories) = feature.categories.as_ref().filter(|_| !feature.closed) {
        /// More would make a page that nobody reads.
        const SHOWN: usize = 100;
        let names = categories.iter().take(SHOWN).map(|category| format!("`{}`", value(category)));
        let mut names = names.collect::<Vec<_>>().join(", ");
        if categories.len() > SHOWN {
            names += &format!(" and {} more", categories.len() - SHOWN);
        }
        sentences.push(format!("Categories in training: {names}. Others are accepted."));
    }
    if feature.kind == Kind::Unused {
        sentences.push("Not used by the model: any value, or none.".to_owned());
    }
    if !sentences.is_empty() {
        merge(&mut schema, json!({"description": sentences.join(" ")}));
    }
    merge(&mut schema, json!({"examples": [value(&feature.example)]}));
    schema
}

/// A regular expression for a feature's value in comma-separated text.
fn csv_cell(feature: &Feature) -> String {
    /// At most 15 digits, so that a whole number always has an exact float64, and not too large for any model.
    const NUMBER: &str = r"-?[0-9]{1,15}(\.[0-9]{1,15})?([eE][+-]?[0-9])?";
    /// A cell that begins with a quote is another way to write one, and a text that begins with a bracket is JSON.
    const TEXT: &str = r#"[^,"\r\n\[\{\s][^,\r\n]*"#;
    let text = |cell: &Cell| match cell {
        Cell::Text(text) if text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => Some(text.clone()),
        Cell::Number(_) => Some(value(cell).to_string().replace('.', r"\.")),
        Cell::Text(_) | Cell::Missing => None,
    };
    let categories = feature.categories.as_ref().filter(|_| feature.closed);
    let pattern = match (categories, feature.kind) {
        (Some(categories), Kind::Number | Kind::Text) => {
            format!("({})", categories.iter().filter_map(text).collect::<Vec<_>>().join("|"))
        }
        (None, Kind::Number) => NUMBER.to_owned(),
        (None, Kind::Text) | (_, Kind::Unused) => TEXT.to_owned(),
    };
    if feature.nullable { format!("({pattern})?") } else { pattern }
}

/// Adds the members of one object to another.
fn merge(object: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color() -> Feature {
        let categories = Some(vec![Cell::Text("red".into()), Cell::Text("blue".into())]);
        Feature {
            categories,
            closed: true,
            nullable: true,
            example: Cell::Text("red".into()),
            ..Feature::text("color")
        }
    }

    #[test]
    fn features_alike_make_a_list_and_others_a_tuple() {
        let schema = Schema::new(vec![Feature::number("a"), Feature::number("b")], true).unwrap();
        let row = Forms { schema: &schema, bounds: &[] }.row();
        assert_eq!(row["items"], json!({"type": ["number", "boolean"]}));
        assert_eq!((&row["minItems"], &row["maxItems"]), (&json!(2), &json!(2)));
        let schema = Schema::new(vec![Feature::number("a"), color()], true).unwrap();
        let row = Forms { schema: &schema, bounds: &[] }.row();
        assert_eq!(row["prefixItems"][1], json!({"enum": ["red", "blue", null]}));
        assert_eq!(row["items"], json!(false));
    }

    #[test]
    fn a_record_needs_every_feature_that_is_used() {
        let unused = Feature { kind: Kind::Unused, ..Feature::number("id") };
        let range = Feature { range: Some((4.3, 7.9)), example: Cell::Number(5.0), ..Feature::number("a") };
        let schema = Schema::new(vec![range, unused], true).unwrap();
        let record = Forms { schema: &schema, bounds: &[] }.record();
        assert_eq!(record["required"], json!(["a"]));
        assert_eq!(record["additionalProperties"], json!(false));
        assert_eq!(record["properties"]["a"]["description"], "From 4.3 to 7.9 in training.");
        assert_eq!(record["properties"]["a"]["examples"], json!([5]));
        assert!(record["properties"]["id"].get("type").is_none());
    }

    #[test]
    fn what_is_known_of_a_text_is_told_in_words() {
        let example = Cell::Text("2024-05-01".into());
        let date = Feature { date: true, example, ..Feature::text("when") };
        let expected = json!({
            "type": "string", "description": "A date, or a date and a time, in ISO 8601.", "examples": ["2024-05-01"]
        });
        assert_eq!(described(&date, cell(&date, None)), expected);
        let cities = (0..1000).map(|city| Cell::Text(format!("c{city}"))).collect();
        let city = Feature { categories: Some(cities), ..Feature::text("city") };
        let described = described(&city, cell(&city, None));
        let told = described["description"].as_str().unwrap();
        assert!(told.starts_with("Categories in training: `\"c0\"`, ") && !told.contains("c100`"), "{told}");
        assert!(told.ends_with("`\"c99\"` and 900 more. Others are accepted."), "{told}");
    }

    #[test]
    fn a_closed_number_takes_the_boolean_that_counts_as_it() {
        let chas = Feature {
            categories: Some(vec![Cell::Number(0.0), Cell::Number(2.5)]),
            closed: true,
            ..Feature::number("chas")
        };
        assert_eq!(cell(&chas, None), json!({"enum": [0, false, 2.5]}));
    }

    #[test]
    fn examples_are_the_features_own() {
        let schema = Schema::new(vec![Feature::number("a"), color()], true).unwrap();
        let forms = Forms { schema: &schema, bounds: &[] };
        assert_eq!(forms.example_row(), json!([0, "red"]));
        assert_eq!(forms.example_columns(), json!({"a": {"0": 0}, "color": {"0": "red"}}));
        assert_eq!(forms.example_csv(), "0,red");
    }
}
