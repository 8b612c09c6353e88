"""Everything that runs for one scenario: the sample server, and the fronts before it, each on its core."""

from . import configurations, fronts, places, processes, servers, streams


class Lab:
    """Starts what a scenario needs, and ends all of it."""

    def __init__(self, scenario, names, run):
        self.scenario, self.run = scenario, run
        self.fronts, self.server = {}, None
        # Why a front could not be started.
        self.broken = {}
        try:
            self.server = servers.Server(run.weir, run.cores.server, run.ports.free(), run.place.fresh("server"))
            for name in names:
                try:
                    self.start(name)
                except processes.Failure as failure:
                    self.broken[name] = str(failure)
        except BaseException:
            self.end()
            raise

    def start(self, name):
        """Starts a front; one of that name which runs is ended before."""
        self.stop(name)
        run = self.run
        setting = configurations.Setting(
            weir=run.weir,
            other=run.other,
            leg=self.scenario.leg,
            port=run.ports.free(),
            server=self.server.port,
            server_core=run.cores.server,
            files=run.files,
            clients=clients(self.scenario, run),
            certificate=run.certificate,
            key=run.key,
            directory=run.place.fresh(name),
        )
        core = run.cores.all() if self.scenario.everywhere else run.cores.proxy
        self.fronts[name] = fronts.Front(name, setting, core)
        return self.fronts[name]

    def stop(self, name):
        front = self.fronts.pop(name, None)
        if front:
            front.end()

    def serving(self, front):
        """The processes that are the server's part for this front."""
        return self.server.pids() + front.others()

    def all_pids(self):
        pids = self.server.pids()
        for front in self.fronts.values():
            pids += processes.family(front.program.pid)
        return pids

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        for name in list(self.fronts):
            self.stop(name)
        if self.server:
            self.server.end()
        self.run.ports.release()


def clients(scenario, run):
    """Connections that a front is set up for: those of the scenario, and as many again for what is being closed."""
    if scenario.driver == "idle":
        return streams.most(run.files, scenario.connections) + 100
    return 2 * scenario.connections + 512


def check(weir):
    """Fails where the binary is none, or none of ours."""
    path = places.Path(weir).resolve()
    if not path.is_file():
        raise processes.Failure(f"{weir}: there is no such file (--weir)")
    return path
