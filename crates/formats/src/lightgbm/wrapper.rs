//! What the Python classes (`Booster`, `LGBMClassifier`, `LGBMRegressor`, `LGBMRanker`) add to a text: classes and early
//! stopping.

use crate::pickle::Value;
use crate::sklearn::{Input, Lowered, labels, present};
use crate::{FormatError, Limits};

use super::objective::Interface;
use super::text::Text;
use super::{Use, lower};

/// A pickled wrapper, or a pickled `Booster`. Sparse matrices are as good as dense ones: what they do not store is 0.
pub(crate) fn estimator(value: &Value<'_>, _: Input) -> Result<Lowered, FormatError> {
    let class = value.class().map_or_else(String::new, |class| class.name().to_owned());
    if class == "Booster" {
        return booster(value, Interface::Booster, class);
    }
    if let Some(settings) = present(value, "_other_params")?
        && let Some(stop) = present(&settings, "pred_early_stop")?
        && stop.bool()?
    {
        return Err(value.unsupported_option("pred_early_stop", "True", "False"));
    }
    let held = value.field("_Booster")?;
    if held.is_none() {
        return Err(value.missing("_Booster"));
    }
    let interface = match class.as_str() {
        "LGBMClassifier" => Interface::Classifier(labels(&value.field("_classes")?)?),
        "LGBMRanker" => Interface::Ranker,
        _ => Interface::Booster,
    };
    booster(&held, interface, class)
}

/// The model in a `Booster`, which predicts with the rounds up to the best one when training was stopped early.
fn booster(value: &Value<'_>, interface: Interface, class: String) -> Result<Lowered, FormatError> {
    // `_handle` from 4.0 on.
    let handle = match present(value, "_handle")? {
        Some(handle) => handle,
        None => value.field("handle")?,
    };
    let best = present(value, "best_iteration")?.map(|best| best.int()).transpose()?;
    let rounds = best.and_then(|best| usize::try_from(best).ok()).filter(|best| *best > 0);
    let limits: &Limits = value.limits();
    let text = Text::parse(handle.text()?, limits).map_err(|error| error.within(&handle.path()))?;
    lower(&text, Use { interface, class, rounds }).map_err(|error| error.within(&handle.path()))
}
