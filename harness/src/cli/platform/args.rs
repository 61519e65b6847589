//! What the platform's processes can be told.
//!
//! Not here: what their environment says (crate assay-backend, `settings`).

use crate::spec::scalar::Duration;
use clap::Args as ClapArgs;
use std::net::SocketAddr;

/// The bundled backend.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct BackendArgs {
    /// Address to listen on [default: API_HOST and API_PORT, else 127.0.0.1:8000].
    #[arg(long, value_name = "ADDR")]
    pub(in crate::cli) listen: Option<SocketAddr>,
    /// Misbehave on purpose, for scenarios that must fail (see backend/README.md).
    #[arg(long, value_name = "KIND=VALUE", hide = true)]
    pub(in crate::cli) mutant: Vec<assay_backend::Mutant>,
}

/// The bundled scorer.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct ScorerArgs {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8001")]
    pub(in crate::cli) listen: SocketAddr,
    /// Misbehave on purpose, for scenarios that must fail (see backend/README.md).
    #[arg(long, value_name = "KIND=VALUE", hide = true)]
    pub(in crate::cli) mutant: Vec<assay_backend::Mutant>,
}

/// The bundled edge.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct EdgeArgs {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8002")]
    pub(in crate::cli) listen: SocketAddr,
    /// The backend that it delivers to [default: EDGE_BACKEND_URL].
    #[arg(long, value_name = "URL", value_parser = assay_backend::http)]
    pub(in crate::cli) to: Option<String>,
    /// Misbehave on purpose, for scenarios that must fail (see backend/README.md).
    #[arg(long, value_name = "KIND=VALUE", hide = true)]
    pub(in crate::cli) mutant: Vec<assay_backend::Mutant>,
}

/// A look at a service.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct HealthArgs {
    /// Where it tells of itself.
    #[arg(value_name = "URL")]
    pub(in crate::cli) url: String,
    /// How long it may take.
    #[arg(long, default_value = "2s", value_name = "DURATION", value_parser = duration)]
    pub(in crate::cli) within: u64,
}

/// Simulated devices.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct DevicesArgs {
    /// Where samples go: `http://host:port`; `/ingest/raw` is added.
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) to: String,
    /// Samples of each device.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) samples: u64,
    /// How many devices.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) devices: u64,
    /// The period of one device.
    #[arg(long, default_value = "10ms", value_name = "DURATION", value_parser = duration)]
    pub(in crate::cli) every: u64,
    /// Shapes of values.
    #[arg(long, default_value = "TRUCK-21")]
    pub(in crate::cli) profile: Shape,
    /// Seed of all values.
    #[arg(long, default_value_t = 1)]
    pub(in crate::cli) seed: u64,
    /// Send through a gateway that stores, retries and forwards, instead of each sample once.
    #[arg(long)]
    pub(in crate::cli) gateway: bool,
    /// Be a process of the platform: `/health` and `/metrics` at this address, JSON logs instead of
    /// progress, traces; settings from the environment, as `assay scorer --help` lists them.
    #[arg(long, value_name = "ADDR")]
    pub(in crate::cli) listen: Option<SocketAddr>,
    /// How long the gateway's breaker stays open before it tries again.
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = duration, requires = "gateway")]
    pub(in crate::cli) recovery: u64,
    /// How long the gateway may go on sending what is left when all samples are generated.
    #[arg(long, default_value = "3m", value_name = "DURATION", value_parser = duration, requires = "gateway")]
    pub(in crate::cli) drain: u64,
}

/// Shapes of values.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(in crate::cli) enum Shape {
    /// A haul truck.
    #[value(name = "TRUCK-21")]
    Truck,
    /// A grinding mill.
    #[value(name = "MILL-3")]
    Mill,
    /// An industrial boiler.
    #[value(name = "BOILER-7")]
    Boiler,
}

/// A duration as scenarios write it, in µs.
pub(in crate::cli) fn duration(text: &str) -> Result<u64, String> {
    let value = serde_json::Value::String(text.to_owned());
    let duration: Duration = serde_json::from_value(value).map_err(|e| e.to_string())?;
    if duration.us == 0 { Err("write more than 0s".to_owned()) } else { Ok(duration.us) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        edge: EdgeArgs,
    }

    #[test]
    fn an_edges_backend_is_read_as_its_variable_is() {
        let typed =
            |to: &str| Typed::try_parse_from(["edge", "--to", to]).map(|typed| typed.edge.to);
        let to = typed("http://127.0.0.1:8000/").unwrap();
        assert_eq!(to.as_deref(), Some("http://127.0.0.1:8000"));
        for bad in ["ftp://127.0.0.1:8000", "127.0.0.1:8000", "http://127.0.0.1:8000/?a=b"] {
            let said = typed(bad).unwrap_err().to_string();
            assert!(said.contains("write one such as http://"), "{said}");
        }
    }
}
