//! Settings that may come from code, from the environment or from a macro, and which one counts.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::str::FromStr;

use crate::builder::BuildError;

/// A setting and where it comes from.
pub(crate) enum Source<V> {
    Setting(&'static str, V),
    Environment(&'static str, String, Option<V>),
    Unset,
}

impl<V: FromStr + Display> Source<V> {
    /// The strongest that says something.
    pub(crate) fn pick(
        set: Option<V>,
        variable: &'static str,
        env: impl Fn(&str) -> Option<OsString>,
        default: Option<V>,
        setting: &'static str,
    ) -> Self {
        if let Some(value) = set {
            Self::Setting(setting, value)
        } else if let Some(text) = env(variable) {
            let text = text.to_string_lossy().into_owned();
            let value = text.trim().parse().ok();
            Self::Environment(variable, text, value)
        } else if let Some(value) = default {
            Self::Setting(setting, value)
        } else {
            Self::Unset
        }
    }

    /// Its value, or `fallback` where nothing was said, if it is allowed.
    pub(crate) fn require(
        self,
        fallback: V,
        is_allowed: impl Fn(&V) -> bool,
        allowed: impl Fn() -> String,
    ) -> Result<V, BuildError> {
        match self {
            Self::Unset => Ok(fallback),
            Self::Setting(_, value) | Self::Environment(_, _, Some(value))
                if is_allowed(&value) =>
            {
                Ok(value)
            }
            Self::Setting(setting, value) => {
                let value = value.to_string();
                Err(BuildError::Setting {
                    setting,
                    value,
                    allowed: allowed(),
                })
            }
            Self::Environment(variable, value, _) => Err(BuildError::Environment {
                variable,
                value,
                allowed: allowed(),
            }),
        }
    }
}

impl Pinning {
    pub(crate) fn is_within(&self, allowed: &[usize]) -> bool {
        match self {
            Self::None | Self::Allowed => true,
            Self::These(cores) => {
                !cores.is_empty() && cores.iter().all(|core| allowed.contains(core))
            }
        }
    }
}

impl FromStr for Pinning {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "true" => Ok(Self::Allowed),
            "false" => Ok(Self::None),
            cores => {
                let cores = cores.split(',').map(|core| core.trim().parse());
                cores.collect::<Result<_, _>>().map(Self::These)
            }
        }
    }
}

impl Display for Pinning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("false"),
            Self::Allowed => f.write_str("true"),
            Self::These(cores) => f.write_str(&list(cores)),
        }
    }
}

pub(crate) fn list(cores: &[usize]) -> String {
    cores
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

/// Which cores the workers are bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pinning {
    None,
    /// Those the process may use, in order.
    Allowed,
    These(Vec<usize>),
}
