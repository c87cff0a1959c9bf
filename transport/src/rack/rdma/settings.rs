//! Which device, port and address are to be used.

use std::str::FromStr;

/// Which device, port and address are to be used; what is not said is found by the address of the
/// node.
///
/// ```
/// use gossamer_transport::rack::rdma::Settings;
///
/// let settings = Settings::from_variables(|name| {
///     (name == "GOSSAMER_RDMA_DEVICE").then(|| "mlx5_0".to_owned())
/// })?;
/// assert_eq!(settings.device.as_deref(), Some("mlx5_0"));
/// # Ok::<(), gossamer_transport::rack::rdma::SettingsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The name of the device.
    pub device: Option<String>,
    /// The number of the port; the first is 1.
    pub port: Option<u8>,
    /// The index of the address in the port's table.
    pub gid: Option<u32>,
}

/// An environment variable says what it cannot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} must be {allowed}, and is {found}")]
pub struct SettingsError {
    /// Its name.
    pub variable: &'static str,
    /// What it may be.
    pub allowed: &'static str,
    /// What it is.
    pub found: String,
}

impl Settings {
    /// What the environment says: `GOSSAMER_RDMA_DEVICE`, `GOSSAMER_RDMA_PORT` and
    /// `GOSSAMER_RDMA_GID`.
    ///
    /// # Errors
    /// If one of them is not what it must be.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::from_variables(|name| {
            let value = std::env::var_os(name)?;
            Some(value.to_string_lossy().into_owned())
        })
    }

    /// As [`from_env`](Self::from_env), from variables that `variable` tells.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let port = number(
            &variable,
            "GOSSAMER_RDMA_PORT",
            "the number of a port, from 1 on",
        )?;
        if port == Some(0) {
            return Err(SettingsError {
                variable: "GOSSAMER_RDMA_PORT",
                allowed: "the number of a port, from 1 on",
                found: "0".to_owned(),
            });
        }
        Ok(Self {
            device: variable("GOSSAMER_RDMA_DEVICE"),
            port,
            gid: number(&variable, "GOSSAMER_RDMA_GID", "the index of an address")?,
        })
    }
}

fn number<N: FromStr>(
    variable: impl Fn(&str) -> Option<String>,
    name: &'static str,
    allowed: &'static str,
) -> Result<Option<N>, SettingsError> {
    let Some(found) = variable(name) else {
        return Ok(None);
    };
    match found.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(SettingsError {
            variable: name,
            allowed,
            found,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers() {
        let of = |name: &'static str, value: &'static str| {
            Settings::from_variables(|asked| (asked == name).then(|| value.to_owned()))
        };
        assert_eq!(of("GOSSAMER_RDMA_PORT", "2").map(|s| s.port), Ok(Some(2)));
        assert_eq!(of("GOSSAMER_RDMA_GID", "0").map(|s| s.gid), Ok(Some(0)));
        for (name, value) in [
            ("GOSSAMER_RDMA_PORT", "0"),
            ("GOSSAMER_RDMA_PORT", "300"),
            ("GOSSAMER_RDMA_GID", "one"),
        ] {
            let error = of(name, value).expect_err("it is none");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
