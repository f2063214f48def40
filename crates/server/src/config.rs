//! The configuration of a service: the tables of `foretell.toml`, with their defaults.
//!
//! A key that is not listed here is an error, so that a slip of the pen stops the start.

mod prediction_log;
mod schedule;
mod security;
pub(crate) mod units;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use foretell_engine::{Category, Kernel, OpenLimits};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::auth::is_local;
pub use prediction_log::{Full, ModelRecording, PredictionLogConfig, Recording, SyncText};
pub use schedule::{OnSuccess, ScheduleConfig};
pub use security::{Auth, ClientAuth, Network, Rate, RateLimitConfig, TlsConfig};

/// A whole `foretell.toml`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[server]`
    pub server: ServerConfig,
    /// `[log]`
    pub log: LogConfig,
    /// `[limits]`
    pub limits: LimitsConfig,
    /// `[store]`
    pub store: StoreConfig,
    /// `[prediction_log]`
    pub prediction_log: PredictionLogConfig,
    /// `[[model]]`, in order: the first is the default model.
    pub model: Vec<ModelConfig>,
    /// `[[route]]`
    pub route: Vec<RouteConfig>,
    /// `[[dataset]]`
    pub dataset: Vec<DatasetConfig>,
    /// `[[schedule]]`
    pub schedule: Vec<ScheduleConfig>,
}

/// `[server]`: where the service listens, and its limits.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address or name to listen on. Default `127.0.0.1`: this machine only.
    pub host: String,
    /// Port to listen on; 0 takes a free one. Default 8080.
    pub port: u16,
    /// Default `development`.
    pub mode: Mode,
    /// Who needs an API key to ask for predictions. Default `auto`.
    pub auth: Auth,
    /// HTTPS in the place of HTTP.
    pub tls: Option<TlsConfig>,
    /// How often a caller may ask.
    pub rate_limit: RateLimitConfig,
    /// The proxies whose `X-Forwarded-For` is believed: addresses and networks. Default: none.
    pub trusted_proxies: Vec<Network>,
    /// Whether the documentation page is served. Default: in development only.
    pub docs: Option<bool>,
    /// Which other origins a browser lets call the service: `"off"`, `"any"` or a list. Default `"off"`.
    pub cors: Cors,
    /// I/O threads. Default 0: one per processor.
    pub workers: usize,
    /// Connections open at once; more are closed at once. Default 10000.
    pub max_connections: usize,
    /// Requests under way at once; more are answered 503. Default 1024.
    pub max_requests: usize,
    /// Time that a crowd of requests may wait for threads. Once some have waited longer, all that would have to wait
    /// again are answered 503 at once, until there is time to spare. Default 50 ms.
    #[serde(with = "units")]
    pub max_wait: Duration,
    /// Bytes of a request's head. Default 16 KiB.
    pub max_head_bytes: usize,
    /// Bytes of a request's body, also after it is inflated. Default 16 MiB.
    pub max_body_bytes: usize,
    /// Bytes of all bodies together that are being read; more requests are answered 503. Default 512 MiB.
    pub max_buffered_bytes: usize,
    /// Bytes of a model file that an administrator sends. Default 256 MiB.
    pub max_upload_bytes: usize,
    /// Rows of a request. Default 100000.
    pub max_rows: usize,
    /// Time in which a request is answered once it has been read, or else gets 504. Default 30 s.
    #[serde(with = "units")]
    pub deadline: Duration,
    /// Time in which a request's body must arrive, or else gets 408. Default 15 s.
    #[serde(with = "units")]
    pub body_timeout: Duration,
    /// Time a connection may spend without a complete request head, or with an answer that is not taken. Default 75 s.
    #[serde(with = "units")]
    pub idle_timeout: Duration,
    /// Time that requests under way are given when the service stops. Default 30 s.
    #[serde(with = "units")]
    pub drain_timeout: Duration,
    /// Answers of at least so many bytes are compressed for clients that accept that. Default 1024.
    pub compress_from_bytes: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8080,
            mode: Mode::default(),
            auth: Auth::default(),
            tls: None,
            rate_limit: RateLimitConfig::default(),
            trusted_proxies: Vec::new(),
            docs: None,
            cors: Cors::default(),
            workers: 0,
            max_connections: 10_000,
            max_requests: 1024,
            max_wait: Duration::from_millis(50),
            max_head_bytes: 16 << 10,
            max_body_bytes: 16 << 20,
            max_buffered_bytes: 512 << 20,
            max_upload_bytes: 256 << 20,
            max_rows: 100_000,
            deadline: Duration::from_secs(30),
            body_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(30),
            compress_from_bytes: 1024,
        }
    }
}

impl ServerConfig {
    /// Whether the documentation page is served.
    pub fn docs_enabled(&self) -> bool {
        self.docs.unwrap_or(self.mode == Mode::Development)
    }

    /// Whether predictions need an API key when the service listens at this address.
    pub fn needs_keys(&self, address: IpAddr) -> bool {
        match self.auth {
            Auth::Auto => self.mode == Mode::Production || !is_local(address),
            Auth::Keys => true,
            Auth::None => false,
        }
    }

    /// The number of I/O threads.
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        }
    }
}

/// What the service shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Documentation is on, versions are shown, and this machine needs no API key.
    #[default]
    Development,
    /// Documentation is off unless asked for, `/health` hides versions, and everyone needs an API key.
    Production,
}

/// Which other origins a browser lets call the service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "CorsText")]
pub enum Cors {
    /// None.
    #[default]
    Off,
    /// All.
    Any,
    /// These, such as `https://example.com`.
    Origins(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected `\"off\"`, `\"any\"` or a list of origins")]
enum CorsText {
    Word(String),
    Origins(Vec<String>),
}

impl TryFrom<CorsText> for Cors {
    type Error = String;

    fn try_from(text: CorsText) -> Result<Self, String> {
        match text {
            CorsText::Word(word) if word == "off" => Ok(Self::Off),
            CorsText::Word(word) if word == "any" || word == "*" => Ok(Self::Any),
            CorsText::Word(word) => origin(word).map(|origin| Self::Origins(vec![origin])),
            CorsText::Origins(origins) => {
                origins.into_iter().map(origin).collect::<Result<_, _>>().map(Self::Origins)
            }
        }
    }
}

/// Checks that a text has the form in which browsers send an origin.
fn origin(text: String) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let good =
        |host: &str| !host.is_empty() && !host.contains(['/', ' ', '*', '"', ',', '\\']) && host.is_ascii();
    match host {
        Some(host) if good(host) => Ok(text),
        Some(_) | None => Err(format!(
            "expected an origin such as `https://example.com` (scheme and host, no path), `off` or `any`, got `{text}`"
        )),
    }
}

/// `[log]`: what is written to the log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Which requests are logged, one line each. Default `all`.
    pub requests: LoggedRequests,
    /// Default `auto`.
    pub format: LogFormat,
    /// The least severe level that is written. Default `info`.
    pub level: LogLevel,
}

/// Which requests are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoggedRequests {
    /// All.
    #[default]
    All,
    /// Those that were not answered with 2xx.
    Errors,
    /// None.
    Off,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people on a terminal, as JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Human,
    /// As one JSON object a line.
    Json,
}

/// How severe an event must be to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What may fail soon.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// How it happened.
    Debug,
}

/// `[limits]`: what opening a model file may cost; the defaults suit real models of a gigabyte.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Bytes of a file as it is stored.
    pub max_file_bytes: Option<u64>,
    /// Bytes of a file once it is decompressed.
    pub max_inflated_bytes: Option<usize>,
    /// Bytes of the model that is made of a file.
    pub max_model_bytes: Option<usize>,
}

impl LimitsConfig {
    /// The limits that were asked for, the defaults otherwise.
    pub fn open_limits(&self) -> OpenLimits {
        let mut limits = OpenLimits::default();
        limits.max_file_bytes = self.max_file_bytes.unwrap_or(limits.max_file_bytes);
        limits.loader.max_inflated_bytes =
            self.max_inflated_bytes.unwrap_or(limits.loader.max_inflated_bytes);
        limits.loader.max_model_bytes = self.max_model_bytes.unwrap_or(limits.loader.max_model_bytes);
        limits
    }
}

/// `[store]`: where the registry, the keys and the record of predictions are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Folder of what has no other place. Default: the data folder of the user.
    pub data: Option<PathBuf>,
    /// URL of the database. Default: a file in the data folder.
    pub database: Option<String>,
    /// File with the password of the database, for URLs without one.
    pub database_password_file: Option<PathBuf>,
    /// Folder of the models' files, or `s3://bucket/prefix`. Default: a folder in the data folder.
    pub artifacts: Option<String>,
}

/// `[[model]]`: a model file to serve, or a model of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The name in URLs and answers. Default: the file's name without its extension.
    pub name: Option<String>,
    /// The file; relative to the configuration file.
    pub path: Option<PathBuf>,
    /// A model of the registry in the place of a file: `name@alias` or `name@version`.
    pub registry: Option<String>,
    /// The names of the features, where the file knows none or others are wanted.
    pub features: Option<Vec<String>>,
    /// The categories of features that the file knows by their codes only, in the order of the codes.
    #[serde(default)]
    pub categories: BTreeMap<String, Vec<Category>>,
    /// The version in URLs and answers. Default: the beginning of the file's SHA-256.
    pub version: Option<String>,
    /// How its trees are evaluated. Where the model or the processor does not allow it, by the next that they allow. Default: by
    /// what is measured to be the fastest when it is loaded.
    #[serde(default, deserialize_with = "kernel")]
    pub kernel: Option<Kernel>,
}

/// A kernel by its name.
fn kernel<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Kernel>, D::Error> {
    let name = String::deserialize(value)?;
    match Kernel::ALL.into_iter().find(|kernel| kernel.name() == name) {
        Some(kernel) => Ok(Some(kernel)),
        None => {
            let names = Kernel::ALL.map(|kernel| format!("`{}`", kernel.name())).join(", ");
            Err(D::Error::custom(format_args!("expected a kernel, one of {names}, got `{name}`")))
        }
    }
}

/// `[[route]]`: an endpoint in the shape that existing clients call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// The path, such as `/v1/iris/predict`; `{n}` stands for the row's number in a dataset's routes.
    pub path: String,
    /// The model that answers.
    pub model: Option<String>,
    /// The version of the model that answers. Default: the one that is served under the bare name.
    pub version: Option<String>,
    /// The dataset that answers.
    pub dataset: Option<String>,
    /// Which of the dataset's answers is given.
    pub answer: Option<DatasetAnswer>,
    /// JMESPath over the native answer. Default: the native answer as it is.
    pub response: Option<String>,
    /// The outputs that are computed, as in `?outputs=`. Default: those of the native answer.
    pub outputs: Option<Vec<String>>,
}

/// An answer that a dataset gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatasetAnswer {
    /// The values of one row.
    Line,
    /// The models' predictions for one row.
    Prediction,
    /// The models' scores over all rows.
    Score,
}

/// `[[dataset]]`: a table that is served beside the models.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetConfig {
    /// The name that routes refer to.
    pub name: String,
    /// The file; relative to the configuration file.
    pub path: PathBuf,
    /// The column of known answers.
    pub target: String,
    /// The models that are applied to it.
    pub models: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Result<ServerConfig, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_has_a_default() {
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
        let config = Config::default().server;
        assert_eq!((config.host.as_str(), config.port, config.docs_enabled()), ("127.0.0.1", 8080, true));
    }

    #[test]
    fn production_hides_the_documentation_unless_told_otherwise() {
        assert!(!server("mode = 'production'").unwrap().docs_enabled());
        assert!(server("mode = 'production'\ndocs = true").unwrap().docs_enabled());
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(server("prot = 1").unwrap_err().contains("prot"));
        assert!(toml::from_str::<Config>("[[model]]\npath = 'm'\nnmae = 'x'").is_err());
        let kernel = |name| toml::from_str::<Config>(&format!("[[model]]\npath = 'm'\nkernel = '{name}'"));
        assert!(kernel("fast").unwrap_err().to_string().contains("`walk`, `compact`, `ranked`, got `fast`"));
        assert_eq!(kernel("compact").unwrap().model[0].kernel, Some(Kernel::Compact));
    }

    #[test]
    fn origins_are_a_word_or_a_list() {
        assert_eq!(server("cors = 'any'").unwrap().cors, Cors::Any);
        let list = server("cors = ['https://a.example', 'http://localhost:3000']").unwrap().cors;
        assert_eq!(list, Cors::Origins(vec!["https://a.example".into(), "http://localhost:3000".into()]));
        for bad in ["cors = 'yes'", "cors = ['https://a.example/path']", "cors = ['*']", "cors = 1"] {
            assert!(server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(server("deadline = '250ms'").unwrap().deadline, Duration::from_millis(250));
        assert_eq!(server("deadline = '2m'").unwrap().deadline, Duration::from_secs(120));
        assert_eq!(server("deadline = 30").unwrap().deadline, Duration::from_secs(30));
        assert_eq!(server("deadline = 1.5").unwrap().deadline, Duration::from_millis(1500));
        for bad in ["deadline = 'soon'", "deadline = '-1s'", "deadline = -1", "deadline = '1e300s'"] {
            assert!(server(bad).unwrap_err().contains("30s"), "{bad}");
        }
    }
}
