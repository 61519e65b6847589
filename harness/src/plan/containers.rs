//! Containers that run already: how they are found.
//!
//! Not here: asking the engine (`service`), those that we start (`ServiceKind::Process`).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Which containers are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// Those of a service of a compose project.
    Compose {
        /// The project.
        project: String,
        /// The service.
        service: String,
    },
    /// The one with exactly this name.
    Name(String),
    /// Those with this label: `key`, or `key=value`.
    Label(String),
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Which::Compose { project, service } => {
                write!(f, "service {service} of the compose project {project}")
            }
            Which::Name(name) => write!(f, "the container {name}"),
            Which::Label(label) => write!(f, "the containers labelled {label}"),
        }
    }
}
