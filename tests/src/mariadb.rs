//! A real MariaDB for the tests: what a guard says of a statement counts for little
//! until a server that would have obeyed has been asked.
//!
//! The server allows on purpose what a careful one forbids: files anywhere, `LOAD DATA
//! LOCAL`, users with FILE. A bypass that gets through must show.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use mysql_async::prelude::{FromRow, FromValue, Queryable};
use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::sync::OnceCell;

/// Where Debian and its kin put the programs of a server; `PATH` often leaves out `sbin`.
const DIRECTORIES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/// How long a server may take to answer for the first time.
const START_MAX: Duration = Duration::from_secs(60);

/// How often another port is tried when somebody took ours between choice and use.
const START_ATTEMPTS: usize = 3;

/// Runs the server for as long as the pipe on its standard input is open. The other end
/// is ours, so the server is gone and its files with it however the test process ends.
/// A clean end that keeps the files is asked for by writing `keep` first.
pub(crate) const WRAPPER: &str = r#"
directory=$1; shift
"$@" & pid=$!
if [ "$(cat)" = keep ]; then
    kill "$pid"; wait "$pid"
else
    kill -KILL "$pid"; wait "$pid"; rm -rf "$directory"
fi
"#;

static SHARED: OnceCell<MariaDb> = OnceCell::const_new();

/// One server, with everything it keeps in a directory of its own.
pub struct MariaDb {
    directory: PathBuf,
    port: u16,
    admin_password: String,
    running: Option<Running>,
}

/// The process that watches over the server, and the pipe that keeps both alive.
struct Running {
    wrapper: Child,
    pipe: ChildStdin,
}

impl MariaDb {
    /// The server that all tests of this process share, started on first use.
    ///
    /// Take a [`Database`] of your own from it. Errors say what is missing, such as the
    /// Debian package, or end with the server's own last words.
    pub async fn shared() -> Result<&'static Self> {
        SHARED.get_or_try_init(Self::private).await
    }

    /// A server for one test, which may stop and start it. Gone when dropped.
    pub async fn private() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("mariadb-").tempdir()?.keep();
        let mut server = Self { directory, port: 0, admin_password: random()?, running: None };
        server.install().await?;
        let mut attempts_left = START_ATTEMPTS;
        loop {
            attempts_left -= 1;
            server.port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            match server.start().await {
                Ok(()) => return Ok(server),
                Err(_) if attempts_left > 0 && server.last_words().contains("Address already in use") => {
                    server.stop()?;
                    fs::remove_file(server.log())?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The TCP port on 127.0.0.1; the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the server keeps its data, and where `INTO OUTFILE 'name'` would write.
    pub fn data_directory(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// A new, empty database with two users of its own.
    pub async fn database(&self) -> Result<Database> {
        let name = format!("test_{}", random()?);
        let reader = User { name: format!("reader_{}", random()?), password: random()? };
        let owner = User { name: format!("owner_{}", random()?), password: random()? };
        let mut admin = Conn::new(self.admin("mysql")).await?;
        let (r, o) = (reader.account(), owner.account());
        for statement in [
            format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"),
            format!("CREATE USER {r} IDENTIFIED BY '{}'", reader.password),
            format!("GRANT SELECT ON {name}.* TO {r}"),
            format!("CREATE USER {o} IDENTIFIED BY '{}'", owner.password),
            format!("GRANT ALL ON {name}.* TO {o}"),
            format!("GRANT FILE ON *.* TO {o}"),
        ] {
            admin.query_drop(statement).await?;
        }
        admin.disconnect().await?;
        let directory = self.data_directory().join(&name);
        Ok(Database { admin: self.admin(&name), directory, name, owner, port: self.port, reader })
    }

    /// Ends the server cleanly; what it stored stays. Blocks until it has ended.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(Running { mut wrapper, mut pipe }) = self.running.take() {
            pipe.write_all(b"keep")?;
            drop(pipe);
            wrapper.wait()?;
        }
        Ok(())
    }

    /// Starts the server, after `stop` on the same port with the same data, and waits
    /// until it answers: at most a minute.
    pub async fn start(&mut self) -> Result<()> {
        if self.running.is_some() {
            return Ok(());
        }
        self.running = Some(self.spawn()?);
        let begun = Instant::now();
        loop {
            match Conn::new(self.admin("mysql")).await {
                Ok(connection) => return Ok(connection.disconnect().await?),
                Err(error) if begun.elapsed() > START_MAX || self.last_words().contains("Aborting") => {
                    bail!("mariadbd did not start: {error}\n{}", self.last_words());
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn admin(&self, database: &str) -> Opts {
        options(self.port, "admin", &self.admin_password, database)
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// The end of the server's log.
    fn last_words(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(log.get(log.len().saturating_sub(2_000)..).unwrap_or_default()).into_owned()
    }

    /// What both programs must be told alike: small, fast, and careless about a power cut.
    fn arguments(&self) -> Result<Vec<String>> {
        let directory = self.directory.display();
        let mut arguments = vec![
            "--no-defaults".to_owned(),
            format!("--datadir={directory}/data"),
            "--skip-log-bin".to_owned(),
            "--skip-name-resolve".to_owned(),
            "--innodb-buffer-pool-size=16M".to_owned(),
            "--innodb-log-file-size=8M".to_owned(),
            "--innodb-flush-log-at-trx-commit=0".to_owned(),
            "--innodb-flush-method=nosync".to_owned(),
            "--innodb-doublewrite=0".to_owned(),
        ];
        // The server refuses to run as root unless told so by name. The owner of what we
        // create is who we are.
        if fs::metadata(&self.directory)?.uid() == 0 {
            arguments.push("--user=root".to_owned());
        }
        Ok(arguments)
    }

    async fn install(&self) -> Result<()> {
        fs::create_dir(self.directory.join("tmp"))?;
        let password = &self.admin_password;
        fs::write(
            self.directory.join("init.sql"),
            format!(
                "CREATE OR REPLACE USER 'admin'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
                 GRANT ALL ON *.* TO 'admin'@'127.0.0.1' WITH GRANT OPTION;\n"
            ),
        )?;
        let output = tokio::process::Command::new(program("mariadb-install-db")?)
            .args(self.arguments()?)
            .args(["--skip-test-db", "--auth-root-authentication-method=socket"])
            // Two at a time would meet in the one temporary directory of the machine.
            .arg(format!("--tmpdir={}", self.directory.display()))
            .stdin(Stdio::null())
            .output()
            .await?;
        if !output.status.success() {
            bail!("mariadb-install-db failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn spawn(&self) -> Result<Running> {
        let directory = self.directory.display();
        let log = fs::File::options().create(true).append(true).open(self.log())?;
        let mut wrapper = Command::new("/bin/sh")
            .args(["-c", WRAPPER, "sh"])
            .arg(&self.directory)
            .arg(program("mariadbd")?)
            .args(self.arguments()?)
            .arg("--bind-address=127.0.0.1")
            .arg(format!("--port={}", self.port))
            .arg(format!("--socket={directory}/socket"))
            .arg(format!("--pid-file={directory}/pid"))
            .arg(format!("--tmpdir={directory}/tmp"))
            .arg(format!("--init-file={directory}/init.sql"))
            .args(["--secure-file-priv=", "--local-infile=1", "--performance-schema=OFF"])
            .args(["--default-time-zone=+00:00", "--character-set-server=utf8mb4"])
            .args(["--aria-pagecache-buffer-size=8M", "--key-buffer-size=1M", "--max-connections=400"])
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Out of our process group: Ctrl-C in a terminal must not end the watcher
            // before it has cleaned up.
            .process_group(0)
            .spawn()?;
        let pipe = wrapper.stdin.take().ok_or_else(|| anyhow!("the wrapper has no standard input"))?;
        Ok(Running { wrapper, pipe })
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        match self.running.take() {
            Some(Running { mut wrapper, pipe }) => {
                drop(pipe);
                let _ = wrapper.wait();
            }
            None => drop(fs::remove_dir_all(&self.directory)),
        }
    }
}

/// A database of one test's own, as its administrator sees it.
#[derive(Clone)]
pub struct Database {
    admin: Opts,
    directory: PathBuf,
    name: String,
    owner: User,
    port: u16,
    reader: User,
}

/// A user of one database, from 127.0.0.1.
#[derive(Clone)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The password: random, of characters that need no quoting in SQL, TOML or a URL.
    pub password: String,
}

impl User {
    /// The user as `GRANT` names it.
    fn account(&self) -> String {
        format!("'{}'@'127.0.0.1'", self.name)
    }
}

impl Database {
    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The TCP port of its server on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A user who may SELECT here and nothing else: what an operator should configure.
    pub fn reader(&self) -> &User {
        &self.reader
    }

    /// A user who may do everything here, and read and write files of the server: with it
    /// a refusal proves the guard and not the grants.
    pub fn owner(&self) -> &User {
        &self.owner
    }

    /// Where the tables lie, and where `INTO OUTFILE 'name'` writes from this database.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// How one of its users connects.
    pub fn options(&self, user: &User) -> Opts {
        options(self.port, &user.name, &user.password, &self.name)
    }

    /// A connection as the administrator of the server, in this database.
    pub async fn connect(&self) -> Result<Conn> {
        Ok(Conn::new(self.admin.clone()).await?)
    }

    /// Runs statements, separated by `;`, as the administrator.
    pub async fn execute(&self, statements: &str) -> Result<()> {
        let mut connection = self.connect().await?;
        connection.query_drop(statements).await.with_context(|| statements.to_owned())?;
        Ok(connection.disconnect().await?)
    }

    /// All rows of a query, asked as the administrator.
    pub async fn rows<T: FromRow + Send + 'static>(&self, query: &str) -> Result<Vec<T>> {
        let mut connection = self.connect().await?;
        let rows = connection.query(query).await.with_context(|| query.to_owned())?;
        connection.disconnect().await?;
        Ok(rows)
    }

    /// The one value that a query answers with, asked as the administrator.
    pub async fn value<T: FromValue + Send + 'static>(&self, query: &str) -> Result<T> {
        let mut rows = self.rows::<(T,)>(query).await?;
        match (rows.pop(), rows.is_empty()) {
            (Some((value,)), true) => Ok(value),
            _ => bail!("not one row: {query}"),
        }
    }

    /// Breaks every connection of the two users, whatever it is doing, and says how many
    /// there were.
    pub async fn kill_connections(&self) -> Result<usize> {
        let mut connection = self.connect().await?;
        let ids: Vec<u64> = connection
            .exec(
                "SELECT id FROM information_schema.processlist WHERE user IN (?, ?)",
                (&self.reader.name, &self.owner.name),
            )
            .await?;
        for id in &ids {
            // One that has just ended by itself is as good as killed.
            let _ = connection.query_drop(format!("KILL {id}")).await;
        }
        connection.disconnect().await?;
        Ok(ids.len())
    }
}

fn options(port: u16, user: &str, password: &str, database: &str) -> Opts {
    OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(port)
        .prefer_socket(false)
        .user(Some(user))
        .pass(Some(password))
        .db_name(Some(database))
        .into()
}

/// Where a program of the server is.
fn program(name: &str) -> Result<PathBuf> {
    let mut paths = DIRECTORIES.iter().map(|directory| Path::new(directory).join(name));
    paths.find(|path| path.exists()).ok_or_else(|| {
        anyhow!("{name} is in none of {}: install the Debian package `mariadb-server`", DIRECTORIES.join(", "))
    })
}

/// Twelve random bytes in hexadecimal.
pub(crate) fn random() -> Result<String> {
    let mut bytes = [0; 12];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_private_server_keeps_its_data_until_it_is_dropped_and_then_leaves_nothing() {
        let mut server = MariaDb::private().await.unwrap();
        let database = server.database().await.unwrap();
        database.execute("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)").await.unwrap();
        server.stop().unwrap();
        assert!(database.value::<i32>("SELECT a FROM t").await.is_err());
        server.start().await.unwrap();
        assert_eq!(database.value::<i32>("SELECT a FROM t").await.unwrap(), 1);
        let directory = server.directory.clone();
        drop(server);
        assert!(!directory.exists());
    }
}
