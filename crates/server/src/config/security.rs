//! `[server.tls]`, `[server.rate_limit]`, and who needs a key.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::units;

/// Who needs an API key to ask for predictions. The admin endpoints always need one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Everyone when other machines can reach the service or it is in production, or else nobody.
    #[default]
    Auto,
    /// Everyone.
    Keys,
    /// Nobody.
    None,
}

/// `[server.tls]`: HTTPS in the place of HTTP. Files that change are read again while the service runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file: the certificate of the service, then those between it and its authority.
    pub cert: PathBuf,
    /// PEM file: the private key of the certificate.
    pub key: PathBuf,
    /// PEM file: the authorities whose certificates clients may show. Default: clients are not asked for one.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must show a certificate of `client_ca`. Default `required`.
    pub client_auth: Option<ClientAuth>,
    /// Time in which a client must complete the handshake. Default 10 s.
    #[serde(default = "handshake_timeout", deserialize_with = "units::deserialize")]
    pub handshake_timeout: Duration,
    /// Handshakes under way at once; more connections are closed at once. Default 1000.
    #[serde(default = "max_handshakes")]
    pub max_handshakes: usize,
}

fn handshake_timeout() -> Duration {
    Duration::from_secs(10)
}

fn max_handshakes() -> usize {
    1000
}

/// Whether clients must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// They must.
    Required,
    /// They may show none, but not a wrong one.
    Optional,
}

/// `[server.rate_limit]`: how often a caller may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimitConfig {
    /// Requests of one API key. Default: any number.
    pub per_key: Option<Rate>,
    /// Requests from one address (of IPv6, from one /64 network). Default: any number.
    pub per_address: Option<Rate>,
    /// Requests that may come at once after a pause. Default: as many as the rate has in its unit of time.
    pub burst: Option<NonZeroU32>,
}

/// A number of requests in a second, a minute or an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In which time.
    pub per: Duration,
}

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(count, unit)| {
            let seconds = match unit.trim() {
                "s" => 1,
                "m" | "min" => 60,
                "h" => 3600,
                _ => return None,
            };
            Some(Self { count: count.trim().parse().ok()?, per: Duration::from_secs(seconds) })
        });
        parsed.ok_or_else(|| format!("expected a rate such as `100/s`, `60/m` or `1000/h`, got `{text}`"))
    }
}

/// An address, or a network such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(pub IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = text.parse().map(|address: std::net::IpAddr| IpNet::from(address));
        let network = address.or_else(|_| text.parse::<IpNet>());
        network
            .map(|network| Self(network.trunc()))
            .map_err(|_| format!("expected an address or a network such as `10.0.0.0/8`, got `{text}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_units() {
        let rate = |text: &str| Rate::try_from(text.to_owned());
        let expected = Rate { count: NonZeroU32::new(100).unwrap(), per: Duration::from_secs(1) };
        assert_eq!(rate("100/s"), Ok(expected));
        assert_eq!(rate("6 / min").map(|rate| rate.per), Ok(Duration::from_secs(60)));
        for bad in ["", "100", "0/s", "-1/s", "1/d", "1.5/s"] {
            assert!(rate(bad).unwrap_err().contains("`100/s`"), "{bad}");
        }
    }

    #[test]
    fn networks_are_addresses_or_prefixes() {
        let network = |text: &str| Network::try_from(text.to_owned()).map(|network| network.0.to_string());
        assert_eq!(network("10.1.2.3/8").as_deref(), Ok("10.0.0.0/8"));
        assert_eq!(network("127.0.0.1").as_deref(), Ok("127.0.0.1/32"));
        assert_eq!(network("::1").as_deref(), Ok("::1/128"));
        assert!(network("localhost").is_err());
    }
}
