//! Whether the user of a MySQL server may do more than a grant needs: the last of the lines
//! of defence is that user's rights, and only the operator can draw it.

use crate::wit::sql::Access;

/// How a server is asked for the rights of whoever asks.
pub(super) const QUESTION: &str = "SHOW GRANTS FOR CURRENT_USER()";

const READ: &[&str] = &["USAGE", "SELECT", "SHOW VIEW"];
const WRITE: &[&str] = &["INSERT", "UPDATE", "DELETE"];

/// A warning for the operator, of the lines that the server answers; none if the rights fit.
/// It names rights, and neither user nor host.
pub(super) fn warning(lines: &[String], access: Access) -> Option<String> {
    let mut excess: Vec<String> = lines.iter().flat_map(|line| rights(line)).collect();
    excess.retain(|right| !READ.contains(&right.as_str()));
    if access == Access::Write {
        excess.retain(|right| !WRITE.contains(&right.as_str()));
    }
    excess.sort();
    excess.dedup();
    if excess.is_empty() {
        return None;
    }
    let needs = match access {
        Access::Read => "SELECT",
        Access::Write => "SELECT, INSERT, UPDATE and DELETE",
    };
    let excess = excess.join(", ");
    Some(format!(
        "the database user of this source may do more than it needs, which is {needs} on its tables: {excess}"
    ))
}

/// The rights that a line such as ``GRANT SELECT, SHOW VIEW ON `crm`.* TO ...`` names.
fn rights(line: &str) -> Vec<String> {
    let line = without_columns(line);
    let Some(granted) = line.strip_prefix("GRANT ") else {
        // Such as SET DEFAULT ROLE, or a REVOKE that takes part of a right away.
        return Vec::new();
    };
    let Some((rights, rest)) = granted.split_once(" ON ") else {
        return vec!["a role".to_owned()];
    };
    let mut rights: Vec<String> = rights.split(',').map(|right| right.trim().to_uppercase()).collect();
    if rest.ends_with("WITH GRANT OPTION") {
        rights.push("GRANT OPTION".to_owned());
    }
    rights
}

/// A line less the lists of columns that a right is limited to.
fn without_columns(line: &str) -> String {
    let mut depth = 0_usize;
    let outside = |c: &char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    };
    line.chars().filter(outside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warn(lines: &[&str], access: Access) -> String {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        warning(&lines, access).unwrap_or_default()
    }

    #[test]
    fn a_user_who_may_only_read_gives_no_warning() {
        let lines = [
            "GRANT USAGE ON *.* TO `reader`@`%` IDENTIFIED BY PASSWORD '*AB'",
            "GRANT SELECT, SHOW VIEW ON `crm`.* TO `reader`@`%`",
            "GRANT SELECT (`id`, `on`) ON `crm`.`people` TO `reader`@`%`",
        ];
        assert_eq!(warn(&lines, Access::Read), "");
    }

    #[test]
    fn what_goes_beyond_is_named_without_the_user() {
        let lines =
            ["GRANT FILE, PROCESS ON *.* TO `ann`@`10.0.0.7`", "GRANT SELECT, INSERT ON `crm`.* TO `ann`@`10.0.0.7`"];
        let warning = warn(&lines, Access::Read);
        assert!(warning.ends_with(": FILE, INSERT, PROCESS"), "{warning}");
        assert!(!warning.contains("ann") && !warning.contains("10.0.0.7"), "{warning}");
        assert!(warn(&lines, Access::Write).ends_with(": FILE, PROCESS"));
    }

    #[test]
    fn everything_roles_and_the_right_to_grant_are_told_too() {
        let all = warn(&["GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION"], Access::Write);
        assert!(all.ends_with(": ALL PRIVILEGES, GRANT OPTION"), "{all}");
        assert!(warn(&["GRANT `boss`@`%` TO `ann`@`%`"], Access::Read).ends_with(": a role"));
    }
}
