//! `GET /models/{name}/quality`: how good a model is, as it becomes known what really happened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foretell_engine::control::Control;
use foretell_engine::quality::{self, Quality, QualityScore, VersionQuality, WINDOWS};
use foretell_engine::store::{StoreError, now};
use foretell_engine::with_causes;
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::state::State;

/// How often is looked for new answers.
const PERIOD: Duration = Duration::from_secs(2);
/// How often is measured without new answers: windows move.
const MOVE: Duration = Duration::from_secs(60);
/// A measurement is followed by a pause of so many times what it took, so that it never is more than a small load.
const REST: u32 = 20;

/// Measures again and again, for ever.
pub(crate) async fn follow(state: Arc<State>, control: Control) {
    let (mut seen, mut measured) = (None, None::<Instant>);
    loop {
        let began = Instant::now();
        match measure(&control, &mut seen, measured).await {
            Ok(Some(quality)) => {
                measured = Some(began);
                state.quality.store(Some(Arc::new(quality)));
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(error = with_causes(&error), "quality cannot be measured"),
        }
        sleep(PERIOD.max(began.elapsed().saturating_mul(REST))).await;
    }
}

async fn measure(
    control: &Control,
    seen: &mut Option<i64>,
    measured: Option<Instant>,
) -> Result<Option<Quality>, StoreError> {
    let store = control.store().await?;
    let last = store.last_feedback().await?;
    if last == *seen && measured.is_some_and(|measured| measured.elapsed() < MOVE) {
        return Ok(None);
    }
    let quality = quality::measure(store, now()).await?;
    *seen = last;
    Ok(Some(quality))
}

/// The quality of a model, by window and version.
pub(crate) fn document(model: &str, quality: Option<&Quality>) -> Value {
    let known = quality.and_then(|quality| quality.models.get(model));
    let window = |position: usize| -> Value {
        let versions = known.map_or(&[][..], |windows| windows[position].as_slice());
        versions.iter().map(version).collect()
    };
    let windows: Map<_, _> = WINDOWS
        .iter()
        .enumerate()
        .map(|(position, known)| (known.name.to_owned(), window(position)))
        .collect();
    json!({
        "model": model,
        "measured_at": quality.map(|quality| quality.at as f64 / 1e6),
        "windows": windows
    })
}

fn version(quality: &VersionQuality) -> Value {
    let mut document =
        json!({"version": quality.version, "rows": quality.rows, "unusable": quality.unusable});
    for (name, value) in metrics(quality) {
        document[name] = json!(value);
    }
    document
}

/// The metrics of a version by their names.
pub(crate) fn metrics(quality: &VersionQuality) -> Vec<(&'static str, f64)> {
    match &quality.score {
        None => Vec::new(),
        Some(QualityScore::Classification(score)) => {
            let loss = score.log_loss.map(|loss| ("log_loss", loss));
            [("accuracy", score.accuracy), ("f1_macro", score.f1_macro)].into_iter().chain(loss).collect()
        }
        Some(QualityScore::Regression(score)) => {
            vec![("rmse", score.rmse), ("mae", score.mae), ("r2", score.r2)]
        }
    }
}
