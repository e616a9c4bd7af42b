//! An engine for Athena's SQL over a folder of files.
