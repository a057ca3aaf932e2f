//! A server that ends with the test.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

/// A process that listens, killed when this is dropped.
#[derive(Debug)]
pub struct Listening {
    process: Child,
    /// `host:port`.
    pub address: String,
}

impl Listening {
    /// Starts `command` and waits for the line in which it names the URL that it listens at.
    pub fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find_map(|line| {
            let (_, url) = line.split_once("http://")?;
            Some(url.split('/').next()?.trim().to_owned())
        });
        Self { process, address: address.unwrap() }
    }

    /// The whole response to `GET path` with these headers, as text.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let host =
            if headers.contains("Host: ") { String::new() } else { format!("Host: {}\r\n", self.address) };
        let head = format!("GET {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
