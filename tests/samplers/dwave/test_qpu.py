"""Selections from a processor: the mock's own search, and our physics inside the mock."""

import dimod
import numpy as np
import pytest
from dwave.samplers import SimulatedAnnealingSampler

import annealcam as ac
from annealcam.errors import ArgumentError, EmbeddingError, ProblemTooLargeError, SamplerError
from annealcam.samplers.dwave.embedding import clique_embedding
from annealcam.samplers.dwave.qpu import select_by_dwave
from tests.problems import relu_problem
from tests.samplers.dwave.machines import (
    TOKEN,
    forbid_network,
    in_place_of,
    physics,
    processor,
    recorder,
)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    forbid_network(monkeypatch)


@pytest.mark.parametrize("topology", ["chimera", "pegasus", "zephyr"])
@pytest.mark.parametrize("d", [1, 5, 7])
def test_the_mocks_own_search_finds_the_optimum(topology, d):
    p = relu_problem(d, 2)
    found = select_by_dwave(p, qpu=processor(topology), shots=200)
    best = ac.solve_exact(p)
    assert np.array_equal(found.n, best.n)
    assert (found.energy, found.optimal, found.sampler) == (p.energy(best.n), True, "dwave")
    assert found.shots == found.info["shots"] == 200


def test_simulated_annealing_in_the_mock_finds_the_optimum():
    machine = processor(
        substitute_sampler=SimulatedAnnealingSampler(), substitute_kwargs={"seed": 5}
    )
    p = relu_problem(7, 1)
    assert np.array_equal(select_by_dwave(p, qpu=machine, shots=50).n, ac.solve_exact(p).n)


@pytest.mark.parametrize("d", [5, 6])
def test_our_physics_in_the_mock_finds_the_optimum(d):
    """Exact evolution of the embedded problem: twelve qubits for six candidates."""
    p = relu_problem(d, 1)
    found = select_by_dwave(p, qpu=physics(), shots=100)
    assert np.array_equal(found.n, ac.solve_exact(p).n)
    assert found.info["qubits"] == 2 * d
    again = select_by_dwave(p, qpu=physics(), shots=100)
    assert np.array_equal(found.n, again.n)
    assert found.info["chain_break_fraction"] == again.info["chain_break_fraction"]


def test_what_the_result_tells():
    machine = recorder("zephyr")
    found = select_by_dwave(relu_problem(6), qpu=machine, shots=30, annealing_time=50.0)
    info = dict(found.info)
    (model, _), chains = machine.told[0], info["qubits"]
    assert info["solver"] == "MockDWaveSampler"
    assert info["topology"] == "zephyr [2, 4]"
    assert chains == len(model.variables) > 6
    assert info["longest_chain"] == 2
    assert info["annealing_time"] == 50.0
    assert info["timing"]["qpu_access_time"] == 8550.28
    assert info["time_unit"] == "microseconds"
    assert info["reproducible"] is False
    assert 0 <= info["chain_break_fraction"] <= 1
    assert select_by_dwave(relu_problem(6), qpu=machine).info["annealing_time"] == 20.0


def test_all_that_is_sent_is_an_ising_model_and_the_controls():
    machine = recorder()
    p = relu_problem(5, 3)
    schedule = [(0, 0), (10, 0.5), (110, 0.5), (120, 1)]
    found = select_by_dwave(p, qpu=machine, shots=40, anneal_schedule=schedule)
    ((model, told),) = machine.told
    assert told == {
        "num_reads": 40, "anneal_schedule": [[0.0, 0.0], [10.0, 0.5], [110.0, 0.5], [120.0, 1.0]]
    }  # fmt: skip
    assert found.info["anneal_schedule"] == ((0.0, 0.0), (10.0, 0.5), (110.0, 0.5), (120.0, 1.0))
    assert "annealing_time" not in found.info
    assert model.vartype is dimod.SPIN
    # With all chains whole, the energies are those of the problem, up to the offset.
    ising = p.to_bqm().change_vartype("SPIN", inplace=False)
    chain = found.info["chain_strength"]
    ferromagnetic = sum(j == -chain for j in model.quadratic.values())
    assert ferromagnetic == found.info["qubits"] - p.d
    assert sum(model.linear.values()) == pytest.approx(sum(ising.linear.values()))
    rest = sum(j for j in model.quadratic.values() if j != -chain)
    assert rest == pytest.approx(sum(ising.quadratic.values()))


def test_chain_strength_is_the_torque_compensation_unless_given():
    p = relu_problem(6)
    ising = p.to_bqm().change_vartype("SPIN", inplace=False)
    rms = np.sqrt(np.mean(np.square(list(ising.quadratic.values()))))
    found = select_by_dwave(p, qpu=processor(), shots=10)
    assert found.info["chain_strength"] == pytest.approx(1.414 * np.sqrt(p.d - 1) * rms)
    machine = recorder()
    found = select_by_dwave(p, qpu=machine, shots=10, chain_strength=3)
    assert found.info["chain_strength"] == 3.0
    assert -3.0 in machine.told[0][0].quadratic.values()


def test_chains_hold_where_nothing_couples():
    p = ac.SelectionProblem([1.0, 0.5, -0.25], np.zeros((3, 3)))
    found = select_by_dwave(p, qpu=processor(), shots=20)
    assert found.n.tolist() == [1, 1, 0]
    assert found.info["chain_strength"] == 1.0


class Broken(dimod.Sampler):
    """Reads in counts, all qubits agreeing, but for a single one in the first row."""

    parameters, properties = None, None

    def __init__(self, qubit, counts):
        self.qubit, self.counts = qubit, counts

    def sample(self, bqm, **options):
        rows = [dict.fromkeys(bqm.variables, value) for value in (1, 1, -1)[: len(self.counts)]]
        rows[0][self.qubit] = -1
        return dimod.SampleSet.from_samples_bqm(rows, bqm, num_occurrences=self.counts)


def test_broken_chains_are_counted_over_the_reads_and_read_by_majority():
    chains = clique_embedding(processor("chimera"), 5)
    assert {len(chain) for chain in chains.values()} == {3}
    p = ac.SelectionProblem(np.ones(5), np.zeros((5, 5)))  # all five is best
    for counts in ([1], [1, 2, 5]):
        machine = processor("chimera", substitute_sampler=Broken(chains[2][0], counts))
        found = select_by_dwave(p, qpu=machine, shots=sum(counts))
        assert found.info["chain_break_fraction"] == 1 / 5 / sum(counts)
        assert found.shots == sum(counts)
        assert found.n.tolist() == [1] * 5


@pytest.mark.parametrize("machine", [processor, physics])
def test_a_cardinality_goes_as_the_penalty(machine):
    p = relu_problem(5, cardinality=2)
    found = select_by_dwave(p, qpu=machine(), shots=200)
    assert np.array_equal(found.n, ac.solve_exact(p).n)
    assert found.n.sum() == 2
    assert 0 < found.info["feasible_shots"] <= 200


class AllUp(dimod.Sampler):
    parameters, properties = None, None

    def sample(self, bqm, **options):
        return dimod.SampleSet.from_samples_bqm(dict.fromkeys(bqm.variables, 1), bqm)


def test_reads_that_miss_the_cardinality_are_repaired():
    p = relu_problem(6, cardinality=2)
    found = select_by_dwave(p, qpu=processor(substitute_sampler=AllUp()), shots=1)
    assert (found.n.sum(), found.info["repaired"], found.info["feasible_shots"]) == (2, True, 0)


def test_a_stand_in_that_takes_a_seed_is_told_it():
    machine = recorder()
    machine.parameters["seed"] = []
    found = select_by_dwave(relu_problem(4), qpu=machine, shots=5, seed=11)
    assert machine.told[0][1]["seed"] == 11
    assert found.info["reproducible"] is True


def test_nothing_to_select_asks_nobody():
    found = select_by_dwave(ac.SelectionProblem([], np.zeros((0, 0))))
    assert (found.n.size, found.energy, found.optimal) == (0, 0.0, True)


def test_a_problem_beyond_the_graph():
    with pytest.raises(EmbeddingError, match=r"d=25: the largest clique .*pegasus \[3\].* 24 var"):
        select_by_dwave(relu_problem(25), qpu=processor("pegasus"))
    assert issubclass(EmbeddingError, ProblemTooLargeError)
    assert select_by_dwave(relu_problem(24), qpu=processor("pegasus"), shots=5).n.size == 24


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"qpu": dimod.ExactSolver()}, "qpu=ExactSolver: not a structured sampler"),
        ({"qpu": object()}, "qpu=object: not a structured sampler"),
        ({"solver": "one"}, "qpu, solver: give only one"),
        ({"chain_strength": 0}, "chain_strength=0: must be above 0"),
        ({"chain_strength": np.nan}, "chain_strength=nan"),
    ],
)
def test_wrong_arguments(options, match):
    with pytest.raises(ArgumentError, match=match):
        select_by_dwave(relu_problem(3), **({"qpu": processor()} | options))


def test_a_graph_of_another_kind():
    other = dimod.StructureComposite(dimod.ExactSolver(), [0, 1], [(0, 1)])
    with pytest.raises(ArgumentError, match="must be one of chimera, pegasus, zephyr"):
        select_by_dwave(relu_problem(2), qpu=other, shots=1)


def test_a_processor_that_fails():
    machine = processor()
    machine.sample = lambda bqm, **options: 1 / 0
    with pytest.raises(SamplerError, match=r"^sampler=dwave: fails \(ZeroDivisionError: "):
        select_by_dwave(relu_problem(3), qpu=machine)


def test_connecting_takes_the_solvers_name_and_closes(monkeypatch):
    monkeypatch.setenv("DWAVE_API_TOKEN", TOKEN)
    closed, asked_for = [], []

    class Connection:
        """A connection to the mock, as `DWaveSampler` is one to a processor."""

        def __init__(self, **options):
            asked_for.append(options)
            self.machine = processor()

        def __getattr__(self, name):
            return getattr(self.machine, name)

        def __enter__(self):
            return self.machine

        def __exit__(self, *_):
            closed.append(True)

    p = relu_problem(5)
    with in_place_of("DWaveSampler", Connection):
        found = select_by_dwave(p, solver="Advantage2_system1.12", shots=50)
        assert found.optimal
        select_by_dwave(p, shots=50)
        with pytest.raises(EmbeddingError):
            select_by_dwave(relu_problem(25))
    assert asked_for == [{"solver": "Advantage2_system1.12"}, {}, {}]
    assert closed == [True] * 3
    assert TOKEN not in repr(found)
