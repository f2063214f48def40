//! The JMESPath expression of a `[[route]]`, which gives an answer the shape that its callers expect.

use jmespath::ast::Ast;
use jmespath::{ErrorReason, JmespathError, Variable};
use serde_json::{Map, Value, json};

/// An expression, compiled when the service starts.
#[derive(Debug)]
pub(crate) struct Expression(jmespath::Expression<'static>);

/// Why an expression gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExpressionError {
    /// It is not JMESPath.
    #[error("`{expression}` is not a JMESPath expression: {reason}, at character {position}")]
    Syntax {
        /// The expression.
        expression: String,
        /// What the parser says.
        reason: String,
        /// Where, from 1.
        position: usize,
    },
    /// It calls a function with a value that the function does not take.
    #[error("the JMESPath expression `{expression}` cannot be evaluated: {reason}")]
    Evaluation {
        /// The expression.
        expression: String,
        /// What the interpreter says.
        reason: String,
    },
    /// What it was applied to is not JSON.
    #[error("the answer to apply `{expression}` to is not JSON")]
    NotJson {
        /// The expression.
        expression: String,
    },
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// It is not JMESPath.
    pub(crate) fn compile(text: &str) -> Result<Self, ExpressionError> {
        jmespath::compile(text).map(Self).map_err(|error| ExpressionError::Syntax {
            expression: text.to_owned(),
            position: error.offset + 1,
            reason: reason(&error),
        })
    }

    /// The expression as it was written.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The keys of the object that the expression writes out; none where it gives something else.
    pub(crate) fn keys(&self) -> Vec<&str> {
        let Ast::MultiHash { elements, .. } = self.0.as_ast() else { return Vec::new() };
        elements.iter().map(|pair| pair.key.as_str()).collect()
    }

    /// Applies the expression to a JSON text.
    ///
    /// # Errors
    /// The text is not JSON, or a function of the expression does not take what it is given.
    pub(crate) fn apply(&self, answer: &[u8]) -> Result<Vec<u8>, ExpressionError> {
        let not_json = || ExpressionError::NotJson { expression: self.as_str().to_owned() };
        let input: Variable = serde_json::from_slice(answer).map_err(|_| not_json())?;
        let shaped = self.0.search(input).map_err(|error| ExpressionError::Evaluation {
            expression: self.as_str().to_owned(),
            reason: reason(&error),
        })?;
        serde_json::to_vec(&shaped).map_err(|_| not_json())
    }

    /// The JSON Schema of what the expression gives for answers of the schema `native`. Where that cannot be told
    /// from the expression, the schema allows anything.
    pub(crate) fn schema(&self, native: &Value) -> Value {
        schema(self.0.as_ast(), native)
    }
}

fn reason(error: &JmespathError) -> String {
    match &error.reason {
        ErrorReason::Parse(reason) => lower_first(reason),
        ErrorReason::Runtime(reason) => lower_first(&reason.to_string()),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Follows fields and indices through the native schema, and the members of a multi-select hash or list one by one.
fn schema(ast: &Ast, native: &Value) -> Value {
    match ast {
        Ast::Identity { .. } => native.clone(),
        Ast::Field { name, .. } => {
            let required = native["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
            match native["properties"].get(name) {
                Some(property) if required => property.clone(),
                _ => json!({}),
            }
        }
        // An array of the native answer has a row or class for each index or none, so the element may be null.
        Ast::Index { .. } => match native.get("items") {
            Some(items) => or_null(items.clone()),
            None => json!({}),
        },
        Ast::Subexpr { lhs, rhs, .. } => {
            let (left, may_be_null) = split_null(schema(lhs, native));
            let right = schema(rhs, &left);
            if may_be_null { or_null(right) } else { right }
        }
        Ast::MultiHash { elements, .. } => {
            let properties: Map<_, _> =
                elements.iter().map(|pair| (pair.key.clone(), schema(&pair.value, native))).collect();
            let required: Vec<_> = properties.keys().cloned().collect();
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
        }
        Ast::MultiList { elements, .. } => {
            let items: Vec<_> = elements.iter().map(|element| schema(element, native)).collect();
            json!({"type": "array", "prefixItems": items, "minItems": items.len(), "maxItems": items.len()})
        }
        Ast::Comparison { .. }
        | Ast::Condition { .. }
        | Ast::Expref { .. }
        | Ast::Flatten { .. }
        | Ast::Function { .. }
        | Ast::Literal { .. }
        | Ast::Not { .. }
        | Ast::Projection { .. }
        | Ast::ObjectValues { .. }
        | Ast::And { .. }
        | Ast::Or { .. }
        | Ast::Slice { .. } => json!({}),
    }
}

/// The schema of what has this schema or is null. The schema `{}` allows null already.
fn or_null(schema: Value) -> Value {
    let allows_null = schema == json!({}) || split_null(schema.clone()).1;
    if allows_null { schema } else { json!({"anyOf": [schema, {"type": "null"}]}) }
}

/// Takes the null that [`or_null`] added off again, and says whether there was one.
fn split_null(schema: Value) -> (Value, bool) {
    let null = json!({"type": "null"});
    match schema["anyOf"].as_array().map(Vec::as_slice) {
        Some([inner, last]) if *last == null => (inner.clone(), true),
        _ => (schema, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(expression: &str, answer: &str) -> String {
        let shaped = Expression::compile(expression).unwrap().apply(answer.as_bytes()).unwrap();
        String::from_utf8(shaped).unwrap()
    }

    #[test]
    fn answers_take_the_shape_of_the_expression() {
        let answer = r#"{"prediction": [1], "probability": [[0.1, 0.30000000000000004]]}"#;
        assert_eq!(apply("{prediction: probability[0][1]}", answer), r#"{"prediction":0.30000000000000004}"#);
        assert_eq!(apply("{Prediction: prediction[0]}", answer), r#"{"Prediction":1}"#);
        assert_eq!(apply(r#"{"prediction LDA": prediction}"#, answer), r#"{"prediction LDA":[1]}"#);
        assert_eq!(apply("probability[0][7]", answer), "null");
    }

    #[test]
    fn a_bad_expression_is_refused_with_its_place() {
        let error = Expression::compile("{prediction: probability[0}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`{prediction: probability[0}` is not a JMESPath expression: expected ':', or ']' -- found Rbrace, at character 27"
        );
        let error =
            Expression::compile("abs(prediction)").unwrap().apply(br#"{"prediction":"a"}"#).unwrap_err();
        assert!(matches!(error, ExpressionError::Evaluation { .. }), "{error}");
    }

    #[test]
    fn the_schema_of_an_answer_follows_from_the_expression() {
        let native = json!({
            "type": "object",
            "properties": {"prediction": {"type": "array", "items": {"type": "integer"}}},
            "required": ["prediction"]
        });
        let shaped = Expression::compile("{Prediction: prediction[0], n: length(prediction)}").unwrap();
        assert_eq!(
            shaped.schema(&native),
            json!({
                "type": "object",
                "properties": {"Prediction": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "n": {}},
                "required": ["Prediction", "n"],
                "additionalProperties": false
            })
        );
    }
}
