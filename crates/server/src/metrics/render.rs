//! The text format of Prometheus, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use super::{
    Agreement, BOUNDS, CLASSES, Gauges, Labels, Metrics, ModelInfo, REASONS, TlsCounts, Totals, Updates,
    process,
};
use foretell_engine::log::LogStatus;
use foretell_engine::quality::{Quality, WINDOWS};
use foretell_engine::store::RunOutcome;
use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use hyper::header::HeaderValue;

use crate::quality::metrics;

/// The content type of [`Metrics::render`].
pub(crate) const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// Enough of a digest to tell two files apart, short enough for a label.
const DIGEST_SHOWN: usize = 12;

impl Metrics {
    /// All metrics as text.
    pub(crate) fn render(&self, gauges: &Gauges) -> String {
        let mut text = Text::default();
        self.render_requests(&mut text);
        self.render_service(&mut text, gauges);
        render_models(&mut text, &gauges.models);
        render_shadows(&mut text, &gauges.shadows);
        if let Some(updates) = &gauges.updates {
            render_updates(&mut text, updates);
        }
        if let Some(log) = &gauges.log {
            render_log(&mut text, log);
        }
        if let Some(quality) = &gauges.quality {
            render_quality(&mut text, quality);
        }
        if let Some(runs) = &gauges.runs {
            render_runs(&mut text, runs);
        }
        if let Some(tls) = &gauges.tls {
            render_tls(&mut text, tls);
        }
        text.0
    }

    fn render_requests(&self, text: &mut Text) {
        let series: Vec<_> =
            self.all_series().iter().map(|series| (series.labels.clone(), series.totals())).collect();
        text.family("foretell_requests_total", "counter", "Requests answered, by class of their status.");
        for (labels, totals) in &series {
            for (class, count) in CLASSES.iter().zip(totals.classes).filter(|(_, count)| *count > 0) {
                let labels = pairs(labels).with("status", class);
                text.sample("foretell_requests_total", &labels, count);
            }
        }
        text.family(
            "foretell_request_duration_seconds",
            "histogram",
            "Time from the head of a request to its answer.",
        );
        for (labels, totals) in &series {
            histogram(text, "foretell_request_duration_seconds", &pairs(labels), totals);
        }
        text.family("foretell_rows_total", "counter", "Rows predicted.");
        for (labels, totals) in series.iter().filter(|(_, totals)| totals.rows > 0) {
            text.sample("foretell_rows_total", &pairs(labels), totals.rows);
        }
    }

    fn render_service(&self, text: &mut Text, gauges: &Gauges) {
        text.family("foretell_requests_in_flight", "gauge", "Requests under way.");
        text.sample("foretell_requests_in_flight", &Pairs::default(), gauges.in_flight);
        text.family(
            "foretell_rejected_total",
            "counter",
            "Requests turned away although nothing was wrong with them.",
        );
        for reason in REASONS {
            let labels = Pairs::default().with("reason", reason.as_str());
            text.sample("foretell_rejected_total", &labels, self.rejected[reason as usize].load(Relaxed));
        }
        text.family("foretell_ready", "gauge", "1 when the service takes requests.");
        text.sample("foretell_ready", &Pairs::default(), u8::from(gauges.ready));
        text.family("foretell_uptime_seconds", "gauge", "Time since the start of the service.");
        text.sample("foretell_uptime_seconds", &Pairs::default(), self.uptime().as_secs_f64());
        text.family("foretell_build_info", "gauge", "Version of the program.");
        text.sample("foretell_build_info", &Pairs::default().with("version", gauges.version), 1);
        if let Some(bytes) = process::resident_bytes() {
            text.family("process_resident_memory_bytes", "gauge", "Resident memory of the process.");
            text.sample("process_resident_memory_bytes", &Pairs::default(), bytes);
        }
    }
}

fn render_models(text: &mut Text, models: &[ModelInfo]) {
    text.family("foretell_model_info", "gauge", "The models that are served.");
    for model in models {
        let digest = model.sha256.get(..DIGEST_SHOWN).unwrap_or(&model.sha256);
        let labels = Pairs::default()
            .with("model", &model.name)
            .with("version", &model.version)
            .with("library", &model.library)
            .with("sha256", digest);
        text.sample("foretell_model_info", &labels, 1);
    }
}

fn render_shadows(text: &mut Text, (agreements, left_out): &(Vec<Agreement>, u64)) {
    if agreements.is_empty() && *left_out == 0 {
        return;
    }
    let of =
        |shadow: &Agreement| Pairs::default().with("model", &shadow.model).with("version", &shadow.version);
    let rows = "foretell_shadow_rows_total";
    text.family(rows, "counter", "Rows that a shadow predicted, by whether it agrees with the answer.");
    for shadow in agreements {
        text.sample(rows, &of(shadow).with("agrees", "true"), shadow.same);
        text.sample(rows, &of(shadow).with("agrees", "false"), shadow.different);
    }
    let difference = "foretell_shadow_absolute_difference_sum";
    text.family(
        difference,
        "counter",
        "Sum of the absolute differences between a shadow's values and the answers.",
    );
    for shadow in agreements {
        text.sample(difference, &of(shadow), shadow.absolute_difference);
    }
    let refused = "foretell_shadow_refused_total";
    text.family(refused, "counter", "Answered requests that a shadow refused.");
    for shadow in agreements {
        text.sample(refused, &of(shadow), shadow.refused);
    }
    text.family(
        "foretell_shadow_left_out_total",
        "counter",
        "Requests that shadows were not asked for want of time.",
    );
    text.sample("foretell_shadow_left_out_total", &Pairs::default(), left_out);
}

fn render_updates(text: &mut Text, updates: &Updates) {
    let none = Pairs::default();
    text.family("foretell_model_loads_total", "counter", "Versions and files that were loaded.");
    text.sample("foretell_model_loads_total", &none, updates.loads);
    text.family("foretell_model_load_failures_total", "counter", "Versions and files that were refused.");
    text.sample("foretell_model_load_failures_total", &none, updates.failed);
    let failing = "foretell_update_failing";
    text.family(
        failing,
        "gauge",
        "1 for a model that serves what it served before, because its update failed.",
    );
    for model in &updates.failing {
        text.sample(failing, &none.clone().with("model", model), 1);
    }
    text.family("foretell_registry_revision", "gauge", "The revision of the registry that is served.");
    text.sample("foretell_registry_revision", &none, updates.revision);
    text.family("foretell_registry_reachable", "gauge", "0 while the registry cannot be read.");
    text.sample("foretell_registry_reachable", &none, u8::from(updates.reachable));
}

fn render_log(text: &mut Text, log: &LogStatus) {
    let gauges = [
        (
            "foretell_log_waiting_bytes",
            "Bytes of the record of predictions that wait for the database.",
            log.waiting_bytes,
        ),
        (
            "foretell_log_waiting_records",
            "Records of this process that wait for the database.",
            log.waiting_records,
        ),
        (
            "foretell_log_oldest_seconds",
            "How long the first record that waits for the database has waited.",
            log.oldest_seconds,
        ),
        ("foretell_log_segments", "Files of the spool.", log.segments as u64),
        ("foretell_log_failing", "1 while the database cannot be written.", u64::from(log.failing)),
    ];
    let counters = [
        ("foretell_log_rows_written_total", "Predicted rows written to the database.", log.written),
        ("foretell_log_failures_total", "Attempts to write to the database that failed.", log.failures),
        ("foretell_log_dropped_total", "Answers that were not recorded for want of room.", log.dropped),
        ("foretell_log_refused_total", "Requests refused because they could not be recorded.", log.refused),
        (
            "foretell_log_damaged_total",
            "Places of the spool where records were damaged and lost.",
            log.damaged,
        ),
    ];
    let gauges = gauges.map(|(name, help, value)| (name, "gauge", help, value));
    for (name, kind, help, value) in
        gauges.into_iter().chain(counters.map(|(name, help, value)| (name, "counter", help, value)))
    {
        text.family(name, kind, help);
        text.sample(name, &Pairs::default(), value);
    }
}

fn render_quality(text: &mut Text, quality: &Quality) {
    let (name, rows) = ("foretell_quality", "foretell_quality_rows");
    text.family(
        name,
        "gauge",
        "How good a version is on the predictions of a window whose answers are known.",
    );
    let all = || {
        quality.models.iter().flat_map(|(model, windows)| {
            WINDOWS.iter().zip(windows).flat_map(move |(window, versions)| {
                versions.iter().map(move |version| {
                    let labels = Pairs::default().with("model", model).with("version", &version.version);
                    (labels.with("window", window.name), version)
                })
            })
        })
    };
    for (labels, version) in all() {
        for (metric, value) in metrics(version) {
            text.sample(name, &labels.clone().with("metric", metric), value);
        }
    }
    text.family(rows, "gauge", "Predicted rows of a window whose answers are known.");
    for (labels, version) in all() {
        text.sample(rows, &labels, version.rows);
    }
}

fn render_runs(text: &mut Text, runs: &[(String, RunOutcome, u64)]) {
    let name = "foretell_schedule_runs_total";
    text.family(
        name,
        "counter",
        "Runs of schedules that this process has seen the end of, by how they ended.",
    );
    for (schedule, outcome, count) in runs {
        let labels = Pairs::default().with("schedule", schedule).with("outcome", outcome.as_str());
        text.sample(name, &labels, count);
    }
}

fn render_tls(text: &mut Text, tls: &TlsCounts) {
    let none = Pairs::default();
    let outdated = "foretell_tls_certificate_outdated";
    text.family(outdated, "gauge", "1 when the certificate files have changed and cannot be served.");
    text.sample(outdated, &none, u8::from(tls.outdated));
    let reloads = "foretell_tls_reloads_total";
    text.family(reloads, "counter", "Changed certificates that were taken into service.");
    text.sample(reloads, &none, tls.reloads);
    let failed = "foretell_tls_failed_handshakes_total";
    text.family(failed, "counter", "Handshakes that failed, took too long or were too many.");
    text.sample(failed, &none, tls.failed_handshakes);
}

fn histogram(text: &mut Text, name: &str, labels: &Pairs, totals: &Totals) {
    let mut count = 0;
    for (bucket, bound) in totals.buckets.iter().zip(BOUNDS) {
        count += bucket;
        text.sample(&format!("{name}_bucket"), &labels.clone().with("le", &bound.to_string()), count);
    }
    count += totals.buckets[BOUNDS.len()];
    text.sample(&format!("{name}_bucket"), &labels.clone().with("le", "+Inf"), count);
    text.sample(&format!("{name}_sum"), labels, totals.seconds);
    text.sample(&format!("{name}_count"), labels, count);
}

fn pairs(labels: &Labels) -> Pairs {
    Pairs::default()
        .with("route", &labels.route)
        .with("model", &labels.model)
        .with("version", &labels.version)
}

/// Labels as they are written between the braces.
#[derive(Debug, Default, Clone)]
struct Pairs(String);

impl Pairs {
    /// The same labels and one more. An empty value means the same as no label and is left out.
    fn with(mut self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            return self;
        }
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(name);
        self.0.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                _ => self.0.push(c),
            }
        }
        self.0.push('"');
        self
    }
}

#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &Pairs, value: impl std::fmt::Display) {
        let _ = match labels.0.as_str() {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;
    use std::time::Duration;

    #[test]
    fn a_histogram_is_cumulative_and_ends_in_its_count() {
        let metrics = Metrics::new();
        let labels = Labels {
            route: "/models/{name}/predict".into(),
            model: "a \"b\"\\\n".into(),
            version: String::new(),
        };
        let series = metrics.series(labels);
        for micros in [40, 300, 20_000_000] {
            series.record(200, Duration::from_micros(micros), 1);
        }
        metrics.reject(&Problem::Overloaded);
        let text = metrics.render(&Gauges {
            version: "0.1.0",
            ready: true,
            in_flight: 1,
            models: Vec::new(),
            shadows: (Vec::new(), 0),
            updates: None,
            log: None,
            quality: None,
            runs: Some(vec![("nightly".into(), RunOutcome::Worse, 2)]),
            tls: None,
        });
        let labels = r#"route="/models/{name}/predict",model="a \"b\"\\\n""#;
        for line in [
            format!("foretell_requests_total{{{labels},status=\"2xx\"}} 3"),
            format!("foretell_request_duration_seconds_bucket{{{labels},le=\"0.00005\"}} 1"),
            format!("foretell_request_duration_seconds_bucket{{{labels},le=\"0.0005\"}} 2"),
            format!("foretell_request_duration_seconds_bucket{{{labels},le=\"10\"}} 2"),
            format!("foretell_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 3"),
            format!("foretell_request_duration_seconds_count{{{labels}}} 3"),
            format!("foretell_rows_total{{{labels}}} 3"),
            "foretell_rejected_total{reason=\"overloaded\"} 1".into(),
            "foretell_requests_in_flight 1".into(),
            "foretell_ready 1".into(),
            "foretell_schedule_runs_total{schedule=\"nightly\",outcome=\"worse\"} 2".into(),
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}
