//! The native configuration file.
