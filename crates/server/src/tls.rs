//! HTTPS: the certificate and its change while the service runs, and the handshake.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::{ClientAuth, TlsConfig};
use crate::problem::Problem;
use crate::request::RequestId;

/// How often the files are looked at. They are small, and reading them finds every change, also that of a link in the
/// path, which systems that tell of changes miss.
const LOOK: Duration = Duration::from_millis(500);
/// The first byte of a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;
/// How long a client that speaks plain HTTP may take to read that it should not.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// Why files are no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{}`, the {what} of `server.tls`", path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("`{}` holds no {what} in PEM form", path.display())]
    Empty {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The certificate, its key and the authorities cannot be used.
    #[error("the certificate, key and authorities of `server.tls` cannot be used: {reason}")]
    Unusable {
        /// What is wrong.
        reason: String,
    },
    /// Clients are to show certificates, and nobody says of which authority.
    #[error(
        "`server.tls.client_auth` needs `client_ca`: the authorities whose certificates clients may show"
    )]
    NoAuthority,
}

/// The files as they were read.
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Files {
    fn read(config: &TlsConfig) -> Result<Self, TlsError> {
        let read = |what, path: &Path| {
            fs::read(path).map_err(|source| TlsError::File { what, path: path.to_owned(), source })
        };
        Ok(Self {
            cert: read("certificate", &config.cert)?,
            key: read("private key", &config.key)?,
            client_ca: config
                .client_ca
                .as_deref()
                .map(|path| read("client authorities", path))
                .transpose()?,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let parts = [&self.cert, &self.key, self.client_ca.as_ref().unwrap_or(&self.cert)];
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(Sha256::digest(part));
        }
        digest.finalize().into()
    }

    fn certificates(
        bytes: &[u8],
        what: &'static str,
        path: &Path,
    ) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
        let read = read.unwrap_or_default();
        if read.is_empty() { Err(TlsError::Empty { what, path: path.to_owned() }) } else { Ok(read) }
    }

    fn parse(&self, config: &TlsConfig) -> Result<ServerConfig, TlsError> {
        let unusable = |reason: &dyn std::fmt::Display| TlsError::Unusable { reason: reason.to_string() };
        let chain = Self::certificates(&self.cert, "certificate", &config.cert)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| TlsError::Empty { what: "private key", path: config.key.clone() })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?;
        let builder = match (&self.client_ca, &config.client_ca) {
            (Some(bytes), Some(path)) => {
                let mut roots = RootCertStore::empty();
                for authority in Self::certificates(bytes, "certificate of an authority", path)? {
                    roots.add(authority).map_err(|error| unusable(&error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match config.client_auth {
                    Some(ClientAuth::Required) | None => verifier,
                    Some(ClientAuth::Optional) => verifier.allow_unauthenticated(),
                };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| unusable(&error))?)
            }
            (Some(_) | None, _) => builder.with_no_client_auth(),
        };
        let mut parsed = builder.with_single_cert(chain, key).map_err(|error| unusable(&error))?;
        parsed.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(parsed)
    }
}

/// The service's side of TLS.
pub(crate) struct Tls {
    config: TlsConfig,
    /// What handshakes use now. Connections keep what they began with.
    current: ArcSwap<ServerConfig>,
    /// The digest of the files that `current` was made of.
    served: Mutex<[u8; 32]>,
    /// Why the files that are there now are not served.
    problem: ArcSwapOption<String>,
    /// Handshakes under way.
    handshakes: AtomicUsize,
    reloads: AtomicU64,
    failed_handshakes: AtomicU64,
}

/// What became of certificates and handshakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TlsCounts {
    /// Whether the files that are there now are not served.
    pub(crate) outdated: bool,
    /// Changed certificates that were taken into service.
    pub(crate) reloads: u64,
    /// Handshakes that failed, took too long or were too many.
    pub(crate) failed_handshakes: u64,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// They cannot be read or used.
    pub(crate) fn new(config: &TlsConfig) -> Result<Self, TlsError> {
        if config.client_ca.is_none() && config.client_auth.is_some() {
            return Err(TlsError::NoAuthority);
        }
        let files = Files::read(config)?;
        Ok(Self {
            current: ArcSwap::from_pointee(files.parse(config)?),
            served: Mutex::new(files.digest()),
            config: config.clone(),
            problem: ArcSwapOption::empty(),
            handshakes: AtomicUsize::new(0),
            reloads: AtomicU64::new(0),
            failed_handshakes: AtomicU64::new(0),
        })
    }

    /// Takes changed files into service, for ever.
    pub(crate) async fn watch(&self) {
        let mut interval = tokio::time::interval(LOOK);
        loop {
            interval.tick().await;
            self.look();
        }
    }

    /// Takes the files into service if they have changed. Bad ones leave what is served as it is.
    fn look(&self) {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = Files::read(&self.config).and_then(|files| {
            let digest = files.digest();
            if digest != *served {
                self.current.store(Arc::new(files.parse(&self.config)?));
                *served = digest;
                self.reloads.fetch_add(1, Relaxed);
                tracing::info!(path = %self.config.cert.display(), "a changed certificate is in service");
            }
            Ok(())
        });
        let problem = changed.err().map(|error| match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        });
        if let Some(problem) = problem.as_ref().filter(|problem| Some(*problem) != self.problem().as_deref())
        {
            tracing::error!(problem, "a changed certificate is not served: the one before stays");
        }
        self.problem.store(problem.map(Arc::new));
    }

    /// Why the files that are there now are not served, if they are not.
    pub(crate) fn problem(&self) -> Option<Arc<String>> {
        self.problem.load_full()
    }

    /// What became of certificates and handshakes so far.
    pub(crate) fn counts(&self) -> TlsCounts {
        TlsCounts {
            outdated: self.problem.load().is_some(),
            reloads: self.reloads.load(Relaxed),
            failed_handshakes: self.failed_handshakes.load(Relaxed),
        }
    }

    /// Completes the handshake with a client; `None` when it does not come to that.
    pub(crate) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let accepted = match Handshake::begin(self) {
            Some(_place) => timeout(self.config.handshake_timeout, self.shake_hands(stream)).await,
            None => Ok(Err(io::Error::other("as many handshakes as allowed are under way"))),
        };
        match accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => Some(stream),
            Err(error) => {
                self.failed_handshakes.fetch_add(1, Relaxed);
                tracing::debug!(%error, "a handshake failed");
                None
            }
        }
    }

    async fn shake_hands(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut first = [HANDSHAKE];
        stream.peek(&mut first).await?;
        if first[0].is_ascii_uppercase() {
            // It will not read what it cannot wait for.
            let _ = timeout(REFUSAL_TIME, refuse(stream)).await;
            return Err(io::Error::other("the client speaks HTTP without TLS"));
        }
        TlsAcceptor::from(self.current.load_full()).accept(stream).await
    }
}

/// Tells a client that speaks plain HTTP what this port speaks.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let problem =
        Problem::BadRequest { detail: "this port speaks HTTPS: begin the URL with `https://`".into() };
    let id = RequestId::of(&hyper::HeaderMap::new(), std::time::SystemTime::now());
    let body = problem.document(id.as_str());
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\nx-request-id: {}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        id.as_str(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await?;
    // Closing before the request has been read would break the connection, and the answer with it.
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// A handshake under way; dropping it makes room for another.
struct Handshake<'a>(&'a Tls);

impl<'a> Handshake<'a> {
    fn begin(tls: &'a Tls) -> Option<Self> {
        let place = Self(tls);
        let before = tls.handshakes.fetch_add(1, Relaxed);
        (before < tls.config.max_handshakes).then_some(place)
    }
}

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Relaxed);
    }
}
