"""Simulated trials for the tests of analyses, and the covariance matrices of all their individuals."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import expit

from stepped_wedge import designs
from stepped_wedge.analysis.returns import Persons, returns_of
from stepped_wedge.correlations import decay


def individuals(slots=(2, 2, 2, 2), seed=5, binary=False, persons=False, effect=0.3, spread=(0.3, 0.2, 0.2)):
    """Rows of one simulated trial as a CSV reader gives them."""
    generator = np.random.default_rng(seed)
    design = designs.stepped_wedge(list(slots))
    clusters, periods = design.x.shape
    lasting, passing = generator.normal(0, spread[0], clusters), generator.normal(0, spread[1], (clusters, periods))
    own = generator.normal(0, spread[2], clusters)
    rows = []
    for i in range(clusters):
        people = generator.normal(0, 0.7, 12) if persons else None
        for j in range(periods):
            for k in range(12 if persons else generator.integers(4, 14)):
                if persons and generator.random() < 0.2:
                    continue
                x = design.x[i, j]
                eta = 0.1 * j + (effect + own[i]) * x + lasting[i] + passing[i, j] + (people[k] if persons else 0)
                y = float(generator.random() < expit(eta - 0.5)) if binary else eta + generator.normal()
                row = {
                    "cluster": f"c{i:02}",
                    "period": str(j + 1),
                    "treat": f"{x:g}",
                    "y": repr(float(y)),
                    "sequence": str(design.sequences[i] + 1),
                }
                rows.append(row | ({"person_id": f"{i}.{k}"} if persons else {}))
    return rows


def frame(rows):
    table = pd.DataFrame(rows)
    return table.assign(y=table.y.astype(float), treat=table.treat.astype(float))


def dense_reml(rows, structure, components, reml=True, persons=False):
    """-2 log likelihood, estimate and its variance from the whole covariance matrix of individuals."""
    table = frame(rows)
    clusters, periods = pd.Categorical(table.cluster).codes, table.period.astype(int).to_numpy() - 1
    x = np.column_stack([periods[:, None] == np.arange(periods.max() + 1), table.treat]).astype(float)
    same = clusters[:, None] == clusters
    v = components["residual"] * np.eye(len(table))
    r = components.get("r", 1.0)
    v += components["tau2"] * same * decay(r, periods.max() + 1)[np.ix_(periods, periods)]
    v += components.get("gamma2", 0) * same * (periods[:, None] == periods)
    v += components.get("eta2", 0) * same * np.outer(table.treat, table.treat)
    between = components.get("rho", 0) * (components["tau2"] * components.get("eta2", 0)) ** 0.5
    v += between * same * np.add.outer(table.treat.to_numpy(), table.treat.to_numpy())
    if persons:
        people = pd.Categorical(table.person_id).codes
        v += components["psi2"] * (people[:, None] == people)
    inverse = np.linalg.inv(v)
    gram = x.T @ inverse @ x
    beta = np.linalg.solve(gram, x.T @ inverse @ table.y)
    left = table.y - x @ beta
    value = (
        (len(table) - (x.shape[1] if reml else 0)) * np.log(2 * np.pi) + np.linalg.slogdet(v)[1] + left @ inverse @ left
    )
    if reml:
        value += np.linalg.slogdet(gram)[1]
    return value, beta, np.linalg.inv(gram), (x, v, inverse)


def cohort_returns(design, generator, people=20, effect=0.2):
    """One closed cohort with cluster, cluster-period and person effects."""
    clusters, periods = design.x.shape
    cell = generator.normal(0, 0.2, (clusters, 1)) + generator.normal(0, 0.15, (clusters, periods)) + effect * design.x
    y = (
        cell[:, None, :]
        + generator.normal(0, 0.7, (clusters, people, 1))
        + generator.normal(0, 0.7, (clusters, people, periods))
    )
    i, k, j = np.indices(y.shape)
    persons = Persons(i.ravel(), j.ravel(), (i * people + k).ravel(), y.ravel())
    returns = returns_of(design, y.mean(1), people, ((y - y.mean(1, keepdims=True)) ** 2).sum(1))
    return replace(returns, persons=persons)
