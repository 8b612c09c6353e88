"""The sample server: `weir demo --server-only`, on a core that is not the proxy's."""

from . import places, processes


class Server:
    """One that listens."""

    def __init__(self, weir, core, port, directory):
        self.port = port
        self.host = f"{places.HOST}:{port}"
        command = [weir, "demo", "--server-only", "--listen", self.host, "--data", directory / "sample"]
        self.program = processes.Program("the sample server", core, command, directory / "server.log")
        try:
            begun = f"it listens on {self.host}"
            processes.until(begun, lambda: "sample server on" in self.program.tail(), self.program)
        except BaseException:
            self.end()
            raise

    def pids(self):
        return processes.family(self.program.pid)

    def end(self):
        self.program.end()
