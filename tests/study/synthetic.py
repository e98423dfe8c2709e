"""Made-up results of an analysis, of the size of the paper's or smaller."""

import numpy as np
import pyarrow as pa

from annealcam.study.analysis import annealing, overlap

NAMES = (
    "tench", "English springer", "cassette player", "chain saw", "church", "French horn",
    "garbage truck", "gas pump", "golf ball", "parachute",
)  # fmt: skip
MODELS = ("paper-16", "paper-24", "paper-32", "digits", "resnet/18", "net:é")
SELECTORS = {  # overlap and k of each
    "anneal": (0.268, 4.6), "exact": (0.265, 4.6), "topk_alpha": (0.235, 4.6),
    "topk_contribution": (0.30, 4.6), "random": (0.345, 4.6), "positive": (0.35, 9.2),
    "gradcam": (0.275, 9.2), "gradcam++": (0.96, 15.4),
}  # fmt: skip
TAUS = (10.0, 50.0, 100.0)
NORMALISATIONS = ("per_qubit", "unit")
IMAGES = 20  # of a class


def columns(rows):
    """Rows as columns, which a test may change."""
    rows = list(rows)
    return {name: [row[name] for row in rows] for name in rows[0]}


def tables(results):
    """The columns of every table as the analysis returns them."""
    return {name: table(name, own) for name, own in results.items()}


def table(name, own):
    """The columns of one table as the analysis returns them."""
    schema = (annealing.SCHEMAS | overlap.SCHEMAS)[name]
    return pa.table(own, schema=pa.schema([schema.field(key) for key in own]))


def analysis(settings=3, classes=10, *, taus=TAUS, normalisations=NORMALISATIONS, few=0, seed=0):
    """The columns of every table, for the first `few` selectors or for all of them."""
    rng = np.random.default_rng(seed)
    pairs = [(MODELS[i], "block") for i in range(settings)]
    names = NAMES[:classes]
    selectors = dict(list(SELECTORS.items())[: few or None])
    d = {pair: rng.integers(3 + 3 * i, 9 + 4 * i, classes) for i, pair in enumerate(pairs)}
    runs = [(normalisation, tau) for normalisation in normalisations for tau in taus]
    return {
        "overlap_matrix": columns(_matrix(pairs, names, selectors, rng)),
        "overlap": columns(_overlap(pairs, classes, selectors, runs)),
        "overlap_by_k": columns(_by_k(pairs)),
        **_gaps(pairs, names, normalisations, d, rng),
        **_success(pairs, names, runs, d, rng),
    }


def _matrix(pairs, names, selectors, rng):
    for model, layer in pairs:
        for selector, (level, _) in selectors.items():
            B = np.clip(rng.gamma(1.2, level / 1.2, (len(names),) * 2), 0, 1)
            B = np.triu(B, 1) + np.triu(B, 1).T + np.eye(len(names))
            run = (100.0, "per_qubit") if selector == "anneal" else (None, None)
            for a, first in enumerate(names):
                for b, second in enumerate(names):
                    yield {
                        "model": model, "layer": layer, "selector": selector, "class_a": first,
                        "class_b": second, "overlap": float(B[a, b]), "tau": run[0],
                        "normalisation": run[1],
                    }  # fmt: skip


def _overlap(pairs, classes, selectors, runs):
    for i, (model, layer) in enumerate(pairs):
        for selector, (level, k) in selectors.items():
            for normalisation, tau in runs if selector == "anneal" else [(None, None)]:
                value = level * (1 - 0.1 * i)
                apart = value - 0.265 * (1 - 0.1 * i)
                exact = selector == "exact"
                yield {
                    "model": model, "layer": layer, "selector": selector, "tau": tau,
                    "normalisation": normalisation, "classes": classes, "images": IMAGES * classes,
                    "k": k + i, "off_diagonal": value, "low": value - 0.015,
                    "high": value + 0.02, "bias": 0.004, "zero_share": max(0.0, 0.5 - value),
                    "exact_zero_share": max(0.0, 0.45 - value), "threshold": 0.005,
                    "split_half": 0.9, "ratio": value / 0.9, "null_mean": 0.93,
                    "null_low": 0.92, "null_high": 0.94, "p_value": 0.001,
                    "minus_exact": None if exact else apart,
                    "minus_exact_low": None if exact else apart - 0.01,
                    "minus_exact_high": None if exact else apart + 0.01,
                    "redundancy": 0.18 if selector in ("exact", "anneal") else 0.23,
                    "carried": {"positive": 1.0, "gradcam": 1.0}.get(selector, 0.5),
                    "relevance": 0.7 * k, "units": classes, "unit": "classes",
                    "split_half_low": 0.85, "split_half_high": 0.95, "carried_low": 0.4,
                    "carried_high": 0.6,
                    "redundancy_minus_exact": 0.0 if selector in ("exact", "anneal") else 0.05,
                    "redundancy_minus_exact_low": 0.03, "redundancy_minus_exact_high": 0.07,
                }  # fmt: skip


def _by_k(pairs):
    slopes = {"exact": 0.06, "topk_alpha": 0.05, "topk_contribution": 0.062, "random": 0.03}
    for i, (model, layer) in enumerate(pairs):
        for selector, slope in slopes.items():
            for k in range(1, 9 + 2 * i):
                start = 0.2 if selector == "random" else 0.0
                value = min(1.0, start + slope * (k - 0.8))
                yield {
                    "model": model, "layer": layer, "selector": selector, "k": k,
                    "overlap": value, "low": value - 0.01, "high": value + 0.015,
                    "images": 200 if k < 5 else 150,
                    **_difference("minus_exact", (slope - 0.06) * (k - 0.8)),
                    **_difference("growth", value - max(0.0, start + slope * 0.2)),
                }  # fmt: skip


def _difference(name, value):
    return {name: value, f"{name}_low": value - 0.01, f"{name}_high": value + 0.01}


def _five(values):
    least, q25, median, q75, largest = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    names = ("least", "q25", "median", "q75", "largest")
    return {
        name: float(v) for name, v in zip(names, (least, q25, median, q75, largest), strict=True)
    }


def _gaps(pairs, names, normalisations, d, rng):
    rows, summary, by_d = [], [], []
    for model, layer in pairs:
        for normalisation in normalisations:
            own = []
            for c, name in enumerate(names):
                for i in range(IMAGES):
                    size = int(d[model, layer][c])
                    final = float(0.12 * rng.gamma(3, 0.4) + 1e-3)
                    interior = bool(rng.random() < 0.4)
                    gap = final * float(rng.uniform(0.2, 0.9)) if interior else final
                    gap *= 3 if normalisation == "unit" else 1
                    applies = interior and rng.random() < 0.3
                    own.append({
                        "model": model, "layer": layer, "normalisation": normalisation,
                        "image": f"{name}/{i}.JPEG", "class": name, "d": size, "gap": gap,
                        "gap_s": 0.8 if interior else 1.0, "final_gap": final,
                        "interior": interior, "landau_zener_applies": applies,
                    })  # fmt: skip
            rows += own
            where = {"model": model, "layer": layer, "normalisation": normalisation}
            values = [row["gap"] for row in own]
            summary.append({
                **where, "images": len(own), **_five(values),
                "interior_share": float(np.mean([row["interior"] for row in own])),
                "landau_zener_share": float(np.mean([r["landau_zener_applies"] for r in own])),
                "fit_a": 0.2, "fit_b": 0.05, "fit_b_low": -0.01, "fit_b_high": 0.11,
                "units": len(names), "unit": "classes", "interior_low": 0.3, "interior_high": 0.45,
                "landau_zener_low": 0.05, "landau_zener_high": 0.2, "deep_share": 0.2,
                "deep_low": 0.1, "deep_high": 0.3,
            })  # fmt: skip
            for size in sorted({row["d"] for row in own}):
                group = [row for row in own if row["d"] == size]
                hardest = min(group, key=lambda row: row["gap"])["image"]
                five = _five([row["gap"] for row in group])
                by_d.append(
                    {**where, "d": size, "images": len(group), **five, "hardest_image": hardest}
                )
    return {
        "gaps": columns(rows), "gap_summary": columns(summary), "gap_by_d": columns(by_d),
    }  # fmt: skip


def _success(pairs, names, runs, d, rng):
    by_d, fit, by_class, by_maps, zener, best = [], [], [], [], [], []
    about = {"images": 200, "units": 10, "unit": "classes"}
    differences = [
        {"normalisation": n, "tau": t, **about, "difference": 0.4, "low": 0.3, "high": 0.5}
        for n, t in runs
    ]
    error = [
        {"normalisation": n, "tau": t, **about, "log_factor": 0.3, "low": 0.2, "high": 0.4}
        for n, t in runs
    ]
    for normalisation, tau in runs:
        run = {"normalisation": normalisation, "tau": tau}
        slope = {"per_qubit": 1.0, "unit": 0.8}.get(normalisation, 0.5) * (0.6 - tau / 250)
        for model, layer in [*pairs, ("all", "all")]:
            fit.append({
                "model": model, "layer": layer, **run, "a": 1.0, "b": slope,
                "b_low": slope * 0.85, "b_high": slope * 1.2, "images": 200, "clusters": 10,
            })  # fmt: skip
        for model, layer in pairs:
            where = {"model": model, "layer": layer, **run}
            sizes = d[model, layer]
            F = {
                c: np.clip(np.exp(-slope * size) * rng.lognormal(0, 0.5, IMAGES), 0, 1)
                for c, size in enumerate(sizes)
            }
            every = np.concatenate(list(F.values()))
            by_maps.append({
                **where, "maps": 16 + 8 * pairs.index((model, layer)), "images": len(every),
                "d": float(np.mean(sizes)), **_five(every),
                "guess": float(np.mean([2.0 ** -int(size) for size in sizes])),
            })  # fmt: skip
            for c, name in enumerate(names):
                by_class.append({
                    **where, "class": name, "images": IMAGES, "d": float(sizes[c]),
                    **_five(F[c]),
                })  # fmt: skip
                for i in range(3):
                    p = float(F[c][i])
                    zener.append({
                        **where, "image": f"{name}/{i}.JPEG", "class": name,
                        "d": int(sizes[c]), "success_probability": p,
                        "landau_zener": float(np.clip(p * rng.lognormal(0, 0.3), 0, 1)),
                    })  # fmt: skip
            for size in sorted(set(sizes)):
                group = np.concatenate([F[c] for c in F if sizes[c] == size])
                shots, guess = int(size) ** 2, 2.0 ** -int(size)
                counted = {**where, "d": int(size), "images": len(group)}
                by_d.append({**counted, **_five(group), "guess": guess})
                best.append({
                    **counted, "shots": shots,
                    "best_of_shots": float(np.mean(1 - (1 - group) ** shots)),
                    "guess_best": 1 - (1 - guess) ** shots,
                    "optimal_share": float(
                        np.mean(rng.random(len(group)) < 1 - (1 - group) ** shots)
                    ),
                })  # fmt: skip
    return {
        "success_by_d": columns(by_d), "success_fit": columns(fit),
        "success_by_class": columns(by_class), "success_by_maps": columns(by_maps),
        "landau_zener": columns(zener),
        "best_of_shots": columns(best), "shots_minus_guesses": columns(differences),
        "landau_zener_error": columns(error),
    }  # fmt: skip


def manifest(settings=3, **changed):
    """Return a manifest of the plan's shape."""
    content = {
        "config": {"beta": 0.7, "selectors": list(SELECTORS)},
        "data": {
            "name": "imagenette", "part": "test", "hash": "sha256:0123456789abcdef",
            "classes": list(NAMES), "images": 200,
        },
        "models": [
            {"name": MODELS[i], "layer": "block", "channels": 16 + 8 * i, "hash": "sha256:ab"}
            for i in range(settings)
        ],
        "versions": {"annealcam": "0.4.0", "numpy": "2.4.0"},
        "seed": 0,
        "skipped": [{"image": "church/7.JPEG", "reason": "truncated"}],
        "shortages": ["gas pump: 18 images of the 20 asked for"],
        "warnings": ["paper-16, layer block: the maps are signed"],
        "throughput": {
            "images": 600, "seconds": 120.0, "images_per_second": 5.0, "network": 20.0,
            "problem": 10.0, "annealing": 80.0, "writing": 2.0,
        },
    }  # fmt: skip
    return content | changed
