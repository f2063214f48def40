//! How good predictions are: scikit-learn's metrics with row weights, their intervals by bootstrap, what a model that
//! has learnt nothing would get, splits of rows for validation, and requirements on all of it.
//!
//! Everything is a function of numbers that are already there: nothing is predicted or fitted here.
//!
//! ```
//! use foretell_evaluate::{Evaluator, Metric, Observed, ValueAnswers};
//!
//! let observed = Observed::Values(ValueAnswers {
//!     known: vec![1.0, 2.0, 3.0],
//!     predicted: vec![1.0, 2.0, 4.0],
//!     ..ValueAnswers::default()
//! });
//! assert_eq!(Evaluator::new(&observed).value(Metric::R2), Some(0.5));
//! ```

mod baseline;
mod bootstrap;
mod classification;
mod curve;
mod evaluator;
mod metric;
mod observed;
mod random;
mod regression;
mod requirement;
mod running;
mod split;

pub use baseline::baseline;
pub use bootstrap::{Bootstrap, Interval, intervals};
pub use classification::confusion;
pub use curve::{Bin, Point, calibration, precision_recall, roc};
pub use evaluator::Evaluator;
pub use metric::{Kind, Metric};
pub use observed::{ClassAnswers, Observed, ValueAnswers};
pub use random::Random;
pub use requirement::{Comparison, Outcome, Reference, Requirement, RequirementError};
pub use running::{RunningClassScore, RunningClasses, RunningValueScore, RunningValues};
pub use split::{Fold, Method, Split, SplitError};
