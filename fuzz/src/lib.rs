//! What the fuzz targets share.

use foretell_frame::{Feature, Schema};

/// Rows a body may have.
pub const MAX_ROWS: usize = 100;

/// Features of every kind, also with names that need care.
pub fn schema(named: bool) -> Schema {
    let number = |name: &str| Feature::number(name);
    let nullable = Feature { nullable: true, infinite: true, ..Feature::number("b") };
    let document = Feature { document: true, ..Feature::text("text, \"quoted\"") };
    let features = vec![number("a"), nullable, Feature::text("city"), document, number("é")];
    Schema::new(features, named).expect("the names differ")
}
