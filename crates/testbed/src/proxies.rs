//! nginx, Caddy and Envoy in front of something.
