//! One plugin, two engines, every door: only the config differs.
