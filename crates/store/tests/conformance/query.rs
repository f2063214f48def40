//! Queries that somebody else wrote.

use std::ops::ControlFlow;

use foretell_store::{QueryCell, query};

use crate::{on_both, version_of};

#[test]
fn the_values_of_an_answer() {
    on_both(|place| async move {
        let database = &place.options.database;
        let float = if database.is_server() { "0.1::float8" } else { "0.1" };
        let sql = format!(
            "SELECT 7 AS whole, {float} AS share, 'é' AS text, NULL AS none UNION ALL SELECT -1, 1e300, '', 'x'"
        );
        let (mut rows, mut names) = (Vec::new(), Vec::new());
        let mut take = |columns: &[String], cells: &[QueryCell<'_>]| {
            names = columns.to_vec();
            // PostgreSQL gives the text of numbers.
            let text = |cell: &QueryCell<'_>| match *cell {
                QueryCell::Missing => None,
                QueryCell::Integer(value) => {
                    Some(f64::from(i32::try_from(value).expect("small")).to_string())
                }
                QueryCell::Number(value) => Some(value.to_string()),
                QueryCell::Text(text) => Some(text.parse::<f64>().map_or(text.to_owned(), |x| x.to_string())),
                QueryCell::Bytes => panic!("no bytes"),
            };
            rows.push(cells.iter().map(text).collect::<Vec<_>>());
            ControlFlow::Continue(())
        };
        query(database, &sql, &mut take).await.expect("an answer");
        rows.sort();
        assert_eq!(names, ["whole", "share", "text", "none"]);
        let texts = |cells: [Option<&str>; 4]| cells.map(|cell| cell.map(str::to_owned)).to_vec();
        let huge = 1e300_f64.to_string();
        let expected =
            [[Some("-1"), Some(&huge), Some(""), Some("x")], [Some("7"), Some("0.1"), Some("é"), None]];
        assert_eq!(rows, expected.map(texts));
    });
}

#[test]
fn a_query_stops_when_told_and_changes_nothing() {
    on_both(|place| async move {
        place.store.add_version(version_of("houses")).await.expect("a version");
        let database = &place.options.database;
        let mut seen = 0;
        let sql = "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3";
        let mut first = |_: &[String], _: &[QueryCell<'_>]| {
            seen += 1;
            ControlFlow::Break(())
        };
        query(database, sql, &mut first).await.expect("an answer");
        assert_eq!(seen, 1);
        let mut none = |_: &[String], _: &[QueryCell<'_>]| ControlFlow::Continue(());
        query(database, "DELETE FROM versions", &mut none).await.expect_err("it may read only");
        let refused = query(database, "SELECT * FROM nowhere", &mut none).await.expect_err("no such table");
        let reason = std::error::Error::source(&refused).expect("a reason").to_string();
        assert!(reason.contains("nowhere"), "{reason}");
    });
}
