//! The landing page: what is served here and how to call it.

use std::fmt::Write as _;

use crate::path::percent_encode;

/// What the page says of the service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Landing {
    /// Version of the program.
    pub version: String,
    /// The models, in order.
    pub models: Vec<Card>,
    /// Further endpoints: method, path, what it is.
    pub endpoints: Vec<(&'static str, String, String)>,
}

/// What the page says of a model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Card {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The pipeline in words, such as `MinMaxScaler → DecisionTreeClassifier`.
    pub pipeline: String,
    /// Short facts, such as `4 features`.
    pub facts: Vec<String>,
    /// Path to call.
    pub path: String,
    /// A body to call it with: JSON.
    pub body: String,
}

impl Landing {
    /// The page as HTML. `origin` is where the reader reached the service, such as `http://127.0.0.1:8080`.
    pub(crate) fn html(&self, origin: &str) -> String {
        let mut html = String::from(HEAD);
        let models = match self.models.len() {
            1 => "1 model".to_owned(),
            count => format!("{count} models"),
        };
        // Writing to a string cannot fail.
        let _ = write!(
            html,
            "<header class=\"top\"><img src=\"docs/icon.svg\" alt=\"\"><h1>foretell <small>{}</small></h1></header>\n\
             <p class=\"lead\">This service predicts with {models}. Send a row, get its prediction.</p>\n{NAV}",
            escape(&self.version)
        );
        for card in &self.models {
            card.write(&mut html, origin);
        }
        if !self.endpoints.is_empty() {
            html.push_str("<h3>Also served here</h3>\n<ul class=\"paths card\">\n");
            for (method, path, text) in &self.endpoints {
                let (path, text) = (escape(path), escape(text));
                let _ = writeln!(html, "<li><code>{method} {path}</code> <span>{text}</span></li>");
            }
            html.push_str("</ul>\n");
        }
        html.push_str("</div>\n</body>\n</html>\n");
        html
    }
}

impl Card {
    fn write(&self, html: &mut String, origin: &str) {
        let facts: String = self.facts.iter().map(|fact| format!("<li>{}</li>", escape(fact))).collect();
        let body = self.body.replace('\'', r"'\''");
        let command =
            format!("curl {origin}{} -H 'Content-Type: application/json' \\\n  -d '{body}'", self.path);
        let link = percent_encode(&self.name);
        let _ = write!(
            html,
            "<section class=\"card\"><h2>{} <small>version {}</small></h2>\n<p class=\"pipeline\">{}</p>\n\
             <ul class=\"facts\">{facts}</ul>\n<pre><code>{}</code></pre>\n\
             <p class=\"links\"><a href=\"models/{link}\">features and classes</a></p></section>\n",
            escape(&self.name),
            escape(&self.version),
            escape(&self.pipeline),
            escape(&command)
        );
    }
}

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>foretell</title>\n\
    <link rel=\"icon\" href=\"docs/icon.svg\" type=\"image/svg+xml\">\n<link rel=\"stylesheet\" href=\"docs/page.css\">\n\
    </head>\n<body>\n<div class=\"page\">\n";

const NAV: &str = "<nav><a class=\"main\" href=\"docs\">Try it in the browser</a><a href=\"openapi.json\">OpenAPI</a>\
    <a href=\"models\">Models</a><a href=\"health\">Health</a><a href=\"metrics\">Metrics</a></nav>\n";

/// Text as it is written in HTML, also between double quotes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_never_markup() {
        let card = Card {
            name: "<b>&\"".into(),
            path: "/predict".into(),
            body: r#"{"data": [["it's"]]}"#.into(),
            ..Card::default()
        };
        let page = Landing { models: vec![card], ..Landing::default() }.html("http://localhost:8080");
        assert!(page.contains("<h2>&lt;b&gt;&amp;&quot; "));
        assert!(page.contains("href=\"models/%3Cb%3E%26%22\""));
        assert!(page.contains("curl http://localhost:8080/predict "));
        assert!(page.contains(r"-d '{&quot;data&quot;: [[&quot;it'\''s&quot;]]}'"));
        assert!(page.contains("predicts with 1 model."));
    }
}
