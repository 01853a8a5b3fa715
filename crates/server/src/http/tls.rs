//! TLS: the certificate and its key, read at start and again on SIGHUP. A bad pair never replaces a good one.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where the pair stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the server's certificate first, then its chain.
    pub cert: PathBuf,
    /// PEM: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// What new connections are greeted with.
pub struct Tls {
    files: TlsFiles,
    current: RwLock<Pair>,
}

/// The pair, for each protocol that it is spoken with (ALPN, RFC 7301).
struct Pair {
    http1: Arc<ServerConfig>,
    http2: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the pair.
    ///
    /// # Errors
    /// One line for the operator: missing, unreadable, no PEM, or not a pair.
    pub fn load(files: TlsFiles) -> Result<Self, String> {
        let current = RwLock::new(read(&files)?);
        Ok(Self { files, current })
    }

    /// Reads the pair again; on failure the old one stays.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub fn reload(&self) -> Result<(), String> {
        let fresh = read(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// For the next connection.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.pair().http1.clone()
    }

    /// For the next connection that speaks HTTP/2.
    pub fn current_http2(&self) -> Arc<ServerConfig> {
        self.pair().http2.clone()
    }

    fn pair(&self) -> RwLockReadGuard<'_, Pair> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(files: &TlsFiles) -> Result<Pair, String> {
    let bytes = |path: &PathBuf| {
        crate::keys::read_secret_file(path, crate::keys::Readable::ByGroup).map_err(|why| why.to_string())
    };
    let cert = std::fs::read(&files.cert).map_err(|error| format!("{}: {error}", files.cert.display()))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&cert)
        .collect::<Result<_, _>>()
        .map_err(|_| format!("{}: not a PEM file", files.cert.display()))?;
    if chain.is_empty() {
        return Err(format!("{}: holds no certificate", files.cert.display()));
    }
    let key = PrivateKeyDer::from_pem_slice(&bytes(&files.key)?)
        .map_err(|_| format!("{}: holds no private key in PEM", files.key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            format!("{} and {} do not work together: {error}", files.cert.display(), files.key.display())
        })?;
    let of = |protocol: &[u8]| {
        let mut config = config.clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        Arc::new(config)
    };
    Ok(Pair { http1: of(b"http/1.1"), http2: of(b"h2") })
}
