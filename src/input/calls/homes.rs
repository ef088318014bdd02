//! Where coding agents keep their sessions, on each system, and the variables that move them: [`AgentsHome::folders_of`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::input::dialect::Dialect;

/// Coding agents whose folders are known, in the order in which they are read.
pub const AGENTS: [Dialect; 17] = [
    Dialect::ClaudeCode,
    Dialect::Codex,
    Dialect::OpenCode,
    Dialect::GeminiCli,
    Dialect::QwenCode,
    Dialect::Pi,
    Dialect::Cline,
    Dialect::Roo,
    Dialect::Kilo,
    Dialect::CopilotCli,
    Dialect::Amp,
    Dialect::Droid,
    Dialect::Kimi,
    Dialect::KimiCode,
    Dialect::Goose,
    Dialect::Hermes,
    Dialect::Zed,
];

/// An operating system: where programs keep what they write for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Linux, and everything else with the folders of the XDG specification.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl System {
    /// The system that this program was built for.
    pub const OWN: System = if cfg!(windows) {
        System::Windows
    } else if cfg!(target_os = "macos") {
        System::MacOs
    } else {
        System::Linux
    };
}

/// Where coding agents look for their own folders: the environment and the home that they would see.
pub struct AgentsHome<'v> {
    /// The value of a variable of the environment.
    pub variable: &'v dyn Fn(&str) -> Option<OsString>,
    /// The user's home.
    pub home: PathBuf,
    /// The system whose folders are meant.
    pub system: System,
}

/// Editors that extensions are installed in, by the names of their folders.
const EDITORS: [&str; 6] = ["Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf", "Trae"];

/// Editors on a machine that somebody is connected to from another.
const REMOTE: [&str; 3] = [".vscode-server/data", ".vscode-server-insiders/data", ".cursor-server/data"];

impl AgentsHome<'_> {
    /// The folders of one agent, or of all, that are there.
    ///
    /// # Errors
    /// Those that were looked for, where none is: all of the one that was asked for, or the first of each.
    pub(super) fn folders_of(&self, agent: Option<Dialect>) -> Result<Vec<PathBuf>, Vec<PathBuf>> {
        let (mut present, mut looked) = (Vec::<PathBuf>::new(), Vec::new());
        for dialect in AGENTS.into_iter().filter(|dialect| agent.is_none_or(|agent| agent == *dialect)) {
            let folders = self.folders(dialect);
            let shown = if agent.is_some() { folders.len() } else { 1 };
            looked.extend(folders.iter().take(shown).cloned());
            for folder in folders.into_iter().filter(|folder| folder.exists()) {
                if !present.contains(&folder) {
                    present.push(folder);
                }
            }
        }
        if present.is_empty() { Err(looked) } else { Ok(present) }
    }

    fn set(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// The folder that a variable names, or one below the home.
    fn moved(&self, name: &str, usual: &str) -> PathBuf {
        self.set(name).unwrap_or_else(|| self.home.join(usual))
    }

    /// Several folders that a variable names, with commas between them.
    fn listed(&self, name: &str) -> Option<Vec<PathBuf>> {
        let list = self.set(name)?;
        Some(list.to_string_lossy().split(',').map(|folder| PathBuf::from(folder.trim())).collect())
    }

    fn config(&self) -> PathBuf {
        self.moved("XDG_CONFIG_HOME", ".config")
    }

    fn data(&self) -> PathBuf {
        self.moved("XDG_DATA_HOME", ".local/share")
    }

    /// Where programs of the system keep what they write, as opposed to those that take Linux' folders everywhere.
    fn application_data(&self, linux: PathBuf, windows: (&str, &str)) -> PathBuf {
        match self.system {
            System::Linux => linux,
            System::MacOs => self.home.join("Library/Application Support"),
            System::Windows => self.moved(windows.0, windows.1),
        }
    }

    /// The folders of an extension in each editor.
    fn extension(&self, name: &str) -> Vec<PathBuf> {
        let root = self.application_data(self.config(), ROAMING);
        let local = EDITORS.iter().map(|editor| root.join(editor));
        let remote = REMOTE.iter().map(|editor| self.home.join(editor));
        let own = self.set("VSCODE_PORTABLE").map(|folder| folder.join("user-data"));
        local
            .chain(remote)
            .chain(own)
            .map(|editor| editor.join("User/globalStorage").join(name).join("tasks"))
            .collect()
    }

    /// Where an agent keeps its sessions, as it finds them itself.
    fn folders(&self, dialect: Dialect) -> Vec<PathBuf> {
        let home = &self.home;
        match dialect {
            Dialect::ClaudeCode => match self.listed("CLAUDE_CONFIG_DIR") {
                Some(list) => list.into_iter().map(|folder| folder.join("projects")).collect(),
                None => vec![self.config().join("claude/projects"), home.join(".claude/projects")],
            },
            Dialect::Codex => {
                let root = self.moved("CODEX_HOME", ".codex");
                vec![root.join("sessions"), root.join("archived_sessions")]
            }
            Dialect::OpenCode => opencode(&self.data().join("opencode")),
            Dialect::GeminiCli => match self.set("GEMINI_CLI_HOME") {
                Some(root) => vec![root.join(".gemini/tmp"), root.join("tmp")],
                None => vec![home.join(".gemini/tmp")],
            },
            Dialect::QwenCode => {
                let root = self.set("QWEN_RUNTIME_DIR").or_else(|| self.set("QWEN_HOME"));
                vec![root.unwrap_or_else(|| home.join(".qwen")).join("projects")]
            }
            Dialect::Pi => self.pi(),
            Dialect::Cline => {
                let mut folders = self.extension("saoudrizwan.claude-dev");
                folders.push(self.moved("CLINE_DIR", ".cline").join("data/tasks"));
                folders
            }
            Dialect::Roo => self.extension("rooveterinaryinc.roo-cline"),
            Dialect::Kilo => {
                let mut folders = self.extension("kilocode.kilo-code");
                folders.extend([self.data().join("kilo/kilo.db"), home.join(".kilocode/cli/global/tasks")]);
                folders
            }
            Dialect::CopilotCli => vec![self.moved("COPILOT_HOME", ".copilot").join("session-state")],
            Dialect::Amp => vec![self.set("AMP_DATA_DIR").unwrap_or_else(|| self.data().join("amp")).join("threads")],
            Dialect::Droid => vec![self.moved("FACTORY_HOME_OVERRIDE", "").join(".factory/sessions")],
            Dialect::Kimi => vec![self.moved("KIMI_SHARE_DIR", ".kimi").join("sessions")],
            Dialect::KimiCode => vec![self.moved("KIMI_CODE_HOME", ".kimi-code").join("sessions")],
            Dialect::Goose => self.goose(),
            Dialect::Hermes => self.hermes(),
            Dialect::Zed => {
                let root = self.application_data(self.data(), LOCAL);
                let name = if self.system == System::Linux { "zed" } else { "Zed" };
                vec![root.join(name).join("threads/threads.db")]
            }
            _ => Vec::new(),
        }
    }

    /// pi, and the agents that write its lines.
    fn pi(&self) -> Vec<PathBuf> {
        let sessions = |root: PathBuf| root.join("sessions");
        vec![
            sessions(self.moved("PI_CODING_AGENT_DIR", ".pi/agent")),
            sessions(self.home.join(".omp/agent")),
            self.moved("OPENCLAW_STATE_DIR", ".openclaw").join("agents"),
            self.home.join(".clawdbot/agents"),
            self.home.join(".moltbot/agents"),
        ]
    }

    fn goose(&self) -> Vec<PathBuf> {
        if let Some(root) = self.set("GOOSE_PATH_ROOT") {
            return vec![root.join("data/sessions/sessions.db")];
        }
        let mut folders = vec![self.data().join("goose/sessions/sessions.db")];
        match self.system {
            System::Linux => {}
            System::MacOs => {
                folders.push(self.home.join("Library/Application Support/Block/goose/sessions/sessions.db"));
            }
            System::Windows => {
                let root = self.moved(ROAMING.0, ROAMING.1);
                folders.insert(0, root.join("Block/goose/data/sessions/sessions.db"));
            }
        }
        folders
    }

    /// The database of the usual profile, and one for each other profile.
    fn hermes(&self) -> Vec<PathBuf> {
        let roots = self.listed("HERMES_HOME").unwrap_or_else(|| vec![self.home.join(".hermes")]);
        let mut found = Vec::new();
        for root in roots {
            let profiles = std::fs::read_dir(root.join("profiles")).into_iter().flatten().filter_map(Result::ok);
            let mut profiles: Vec<_> = profiles.map(|profile| profile.path().join("state.db")).collect();
            profiles.sort();
            found.push(root.join("state.db"));
            found.extend(profiles);
        }
        found
    }
}

/// Where Windows keeps what goes with a user to other machines, and what stays: variables, and folders below the home.
const ROAMING: (&str, &str) = ("APPDATA", "AppData/Roaming");
const LOCAL: (&str, &str) = ("LOCALAPPDATA", "AppData/Local");

/// Files before version 1.2 and a database since, one for each channel of releases. A message that is in both counts once.
fn opencode(home: &Path) -> Vec<PathBuf> {
    let mut places = vec![home.join("storage/message")];
    let files = std::fs::read_dir(home).into_iter().flatten().filter_map(Result::ok);
    let is_ours = |name: &str| name.starts_with("opencode") && name.ends_with(".db");
    places.extend(files.filter(|file| is_ours(&file.file_name().to_string_lossy())).map(|file| file.path()));
    places.sort_by_key(|place| place.extension().is_none());
    if places.len() == 1 {
        places.push(home.join("opencode.db"));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(system: System, dialect: Dialect, variables: &[(&str, &str)]) -> Vec<String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        let home = AgentsHome { variable: &variable, home: PathBuf::from("/home/me"), system };
        home.folders(dialect).iter().map(|folder| folder.display().to_string().replace('\\', "/")).collect()
    }

    #[test]
    fn every_agent_has_a_folder_on_every_system() {
        for system in [System::Linux, System::MacOs, System::Windows] {
            for dialect in AGENTS {
                assert!(!folders(system, dialect, &[]).is_empty(), "{system:?} {}", dialect.name());
            }
        }
    }

    /// The folders of an extension are those that the editor's documentation names:
    /// https://code.visualstudio.com/docs/configure/settings#_settings-file-locations
    #[test]
    fn extensions_lie_where_the_system_keeps_the_data_of_programs() {
        let tasks = "User/globalStorage/rooveterinaryinc.roo-cline/tasks";
        for (system, root) in [
            (System::Linux, "/home/me/.config"),
            (System::MacOs, "/home/me/Library/Application Support"),
            (System::Windows, "/home/me/AppData/Roaming"),
        ] {
            assert_eq!(folders(system, Dialect::Roo, &[])[0], format!("{root}/Code/{tasks}"));
        }
        let moved = folders(System::Windows, Dialect::Roo, &[("APPDATA", "/roaming")]);
        assert_eq!(moved[0], format!("/roaming/Code/{tasks}"));
        assert_eq!(
            folders(System::Windows, Dialect::Zed, &[("LOCALAPPDATA", "/local")]),
            ["/local/Zed/threads/threads.db"]
        );
    }

    #[test]
    fn variables_move_the_folders_of_agents() {
        for (dialect, variable, below) in [
            (Dialect::ClaudeCode, "CLAUDE_CONFIG_DIR", "projects"),
            (Dialect::Codex, "CODEX_HOME", "sessions"),
            (Dialect::GeminiCli, "GEMINI_CLI_HOME", ".gemini/tmp"),
            (Dialect::Pi, "PI_CODING_AGENT_DIR", "sessions"),
            (Dialect::CopilotCli, "COPILOT_HOME", "session-state"),
            (Dialect::Amp, "AMP_DATA_DIR", "threads"),
            (Dialect::Kimi, "KIMI_SHARE_DIR", "sessions"),
            (Dialect::KimiCode, "KIMI_CODE_HOME", "sessions"),
            (Dialect::Goose, "GOOSE_PATH_ROOT", "data/sessions/sessions.db"),
            (Dialect::Hermes, "HERMES_HOME", "state.db"),
        ] {
            assert_eq!(folders(System::Linux, dialect, &[(variable, "/moved")])[0], format!("/moved/{below}"));
        }
        assert_eq!(
            folders(System::Linux, Dialect::ClaudeCode, &[("CLAUDE_CONFIG_DIR", "/a, /b")]),
            ["/a/projects", "/b/projects"]
        );
    }
}
