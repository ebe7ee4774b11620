//! What a stack comes to: pam.conf(5), "control", as Linux-PAM walks it.

/// What a module says, by number as in `_pam_types.h`.
pub(super) type Code = usize;

pub(super) const SUCCESS: Code = 0;
pub(super) const SERVICE_ERR: Code = 3;
pub(super) const PERM_DENIED: Code = 6;
pub(super) const AUTH_ERR: Code = 7;
pub(super) const USER_UNKNOWN: Code = 10;
const NEW_AUTHTOK_REQD: Code = 12;
pub(super) const IGNORE: Code = 25;
pub(super) const MODULE_UNKNOWN: Code = 28;

/// The names of all of them, in their order.
const NAMES: [&str; 32] = [
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

/// The number of a name, as `pam_debug` takes it.
pub(super) fn code(name: &str) -> Option<Code> {
    NAMES.iter().position(|known| *known == name)
}

/// What is done about what a module says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    Jump(u32),
}

/// An action for each thing that a module may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Actions([Action; NAMES.len()]);

impl Actions {
    /// Whatever is said is bad.
    pub(super) fn bad() -> Self {
        Self([Action::Bad; NAMES.len()])
    }

    /// The meaning of a control: one of four words, or what brackets hold.
    pub(super) fn parse(control: &str) -> Self {
        let simple = |ok: Action, ignored: Action, other: Action| {
            let mut actions = [other; NAMES.len()];
            for (code, action) in [(SUCCESS, ok), (NEW_AUTHTOK_REQD, ok), (IGNORE, ignored)] {
                if let Some(slot) = actions.get_mut(code) {
                    *slot = action;
                }
            }
            Self(actions)
        };
        match control.to_ascii_lowercase().as_str() {
            "required" => simple(Action::Ok, Action::Ignore, Action::Bad),
            "requisite" => simple(Action::Ok, Action::Ignore, Action::Die),
            "optional" => simple(Action::Ok, Action::Ignore, Action::Ignore),
            "sufficient" => simple(Action::Done, Action::Ignore, Action::Ignore),
            _ => Self::listed(control).unwrap_or_else(Self::bad),
        }
    }

    /// `name=action` as often as needed, with blanks anywhere; `None` if it is not that.
    fn listed(control: &str) -> Option<Self> {
        const WORDS: [(&str, Action); 6] = [
            ("ignore", Action::Ignore),
            ("ok", Action::Ok),
            ("done", Action::Done),
            ("bad", Action::Bad),
            ("die", Action::Die),
            ("reset", Action::Reset),
        ];
        let mut actions: [Option<Action>; NAMES.len()] = [None; NAMES.len()];
        let mut rest = control.trim_start();
        while !rest.is_empty() {
            let name = NAMES.iter().chain(&["default"]).position(|name| rest.starts_with(name))?;
            let length = NAMES.get(name).map_or("default".len(), |name| name.len());
            rest = rest.get(length..)?.trim_start().strip_prefix('=')?.trim_start();
            let action = if let Some((word, action)) = WORDS.iter().find(|(word, _)| rest.starts_with(word)) {
                rest = rest.get(word.len()..)?;
                *action
            } else {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let (number, after) = rest.split_at_checked(digits)?;
                rest = after;
                Action::Jump(number.parse().ok().filter(|number| *number > 0)?)
            };
            match actions.get_mut(name) {
                Some(slot) => *slot = Some(action),
                None => actions.iter_mut().for_each(|slot| *slot = slot.or(Some(action))),
            }
            rest = rest.trim_start();
        }
        Some(Self(actions.map(|action| action.unwrap_or(Action::Bad))))
    }

    fn of(&self, code: Code) -> Action {
        self.0.get(code).copied().unwrap_or(Action::Bad)
    }
}

/// A line of a stack.
#[derive(Debug, Clone)]
pub(super) struct Handler {
    /// How deep in substacks it stands.
    pub(super) level: usize,
    pub(super) kind: Kind,
    pub(super) actions: Actions,
    /// Its file and line.
    pub(super) at: (String, usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Module {
        name: String,
        args: Vec<String>,
    },
    /// Where a substack begins: nothing in itself.
    Substack,
    /// A line that says nothing PAM understands.
    MustFail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Impression {
    None,
    Good,
    Bad,
}

/// The line that let somebody in, if the stack lets them in, given what each module says.
pub(super) fn admits(handlers: &[Handler], says: impl Fn(&Handler) -> Code) -> Option<&Handler> {
    let (mut impression, mut status) = (Impression::None, PERM_DENIED);
    let mut entered: Vec<(Impression, Code)> = vec![(impression, status)];
    let mut granting = None;
    let (mut at, mut before) = (0, 0);
    // What follows on the same level or deeper.
    let follows = |at: usize, level: usize| handlers.get(at + 1).is_some_and(|next| next.level >= level);
    while let Some(handler) = handlers.get(at) {
        let level = handler.level;
        if level > before {
            entered.resize(level + 1, (Impression::None, PERM_DENIED));
            if let Some(slot) = entered.get_mut(level) {
                *slot = (impression, status);
            }
        }
        before = level;
        let said = match handler.kind {
            Kind::Substack => {
                at += 1;
                continue;
            }
            Kind::MustFail => PERM_DENIED,
            Kind::Module { .. } => says(handler),
        };
        let mut decided = false;
        match handler.actions.of(said) {
            Action::Ignore => {}
            Action::Reset => {
                (impression, status) = entered.get(level).copied().unwrap_or((Impression::None, PERM_DENIED));
            }
            action @ (Action::Ok | Action::Done) => {
                if impression == Impression::None || impression == Impression::Good && status == SUCCESS {
                    if said == SUCCESS && granting.is_none() {
                        granting = Some(handler);
                    }
                    (impression, status) = (Impression::Good, said);
                }
                decided = impression == Impression::Good && action == Action::Done;
            }
            action @ (Action::Bad | Action::Die) => {
                if impression != Impression::Bad {
                    (impression, status) = (Impression::Bad, if said == IGNORE { PERM_DENIED } else { said });
                }
                decided = action == Action::Die;
            }
            Action::Jump(number) => {
                let mut left = number;
                while follows(at, level) && left > 0 {
                    at += 1;
                    while follows(at, level + 1) {
                        at += 1;
                    }
                    left -= 1;
                }
                if left > 0 {
                    (impression, status) = (Impression::Bad, PERM_DENIED);
                }
            }
        }
        if decided {
            while follows(at, level) {
                at += 1;
            }
        }
        at += 1;
    }
    granting.filter(|_| impression == Impression::Good && status == SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls() {
        assert_eq!(
            Actions::parse("Required"),
            Actions::parse(
                "[success=ok new_authtok_reqd=ok ignore=ignore default=bad]".trim_matches(['[', ']'])
            )
        );
        assert_eq!(Actions::parse("success = 1 default=ignore").of(SUCCESS), Action::Jump(1));
        assert_eq!(Actions::parse("default=done").of(AUTH_ERR), Action::Done);
        assert_eq!(Actions::parse("default=done success=die").of(SUCCESS), Action::Die);
        for bad in ["success", "success=", "success=0", "nothing=ok", "success=ok nonsense", "Success=ok"] {
            assert_eq!(Actions::parse(bad), Actions::bad(), "{bad}");
        }
    }
}
