"""Synthetic people: sex, age, diseases, measurements, in the Beacon model. Labelled synthetic everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Document = dict[str, Any]

SEX: Final = (
    {"id": "NCIT:C16576", "label": "female"},
    {"id": "NCIT:C20197", "label": "male"},
)
NOTE: Final = "synthetic: simulated by the OpenGDI demo, nobody's data"


@dataclass(frozen=True, slots=True)
class Disease:
    """A disease by its term, with its share of the grown-ups and how much more of it age 60 and over has."""

    id: str
    label: str
    prevalence: float
    old_age_factor: float = 1.0
    women_only: bool = False


DISEASES: Final = (
    Disease("MONDO:0005148", "type 2 diabetes mellitus", 0.07, 2.2),
    Disease("MONDO:0005044", "hypertensive disorder", 0.22, 2.0),
    Disease("MONDO:0004979", "asthma", 0.08),
    Disease("MONDO:0007254", "breast cancer", 0.05, 1.8, women_only=True),
    Disease("MONDO:0100096", "COVID-19", 0.12),
)
COVID: Final = 4
"""Place of COVID-19 in `DISEASES`; carriers of the showcase allele have it more often."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """People of one country in sample order. `diseases[i, j]`: whether person i has disease j."""

    country: str
    ids: tuple[str, ...]
    is_male: npt.NDArray[np.bool_]
    ages: npt.NDArray[np.int64]
    diseases: npt.NDArray[np.bool_]
    bmi: npt.NDArray[np.float64]


def make_cohort(
    country: str,
    size: int,
    carriers: npt.NDArray[np.bool_],
    is_male: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> Cohort:
    """People whose diseases depend on age, sex and (COVID-19) on carrying the showcase allele."""
    ages = np.clip(rng.normal(54, 16, size), 18, 97).astype(np.int64)
    risk = np.array([disease.prevalence for disease in DISEASES])[None, :].repeat(size, axis=0)
    risk *= np.where(ages >= 60, 1, 0)[:, None] * np.array([d.old_age_factor - 1 for d in DISEASES]) + 1
    risk[is_male] *= np.array([not disease.women_only for disease in DISEASES])
    risk[:, COVID] *= np.where(carriers, 1.8, 1.0)
    return Cohort(
        country=country,
        ids=tuple(f"{country}{number:06d}" for number in range(1, size + 1)),
        is_male=is_male,
        ages=ages,
        diseases=rng.random(risk.shape) < risk,
        bmi=np.clip(rng.normal(26.5, 4.3, size), 16, 55).round(1),
    )


def individual(cohort: Cohort, place: int) -> Document:
    """One person as a Beacon v2.2 individual."""
    age = int(cohort.ages[place])
    onset = max(1, age - 3 - place % 11)
    return {
        "id": cohort.ids[place],
        "sex": SEX[int(cohort.is_male[place])],
        "geographicOrigin": {"id": f"ISO3166-1:{cohort.country}", "label": cohort.country},
        "diseases": [
            {
                "diseaseCode": {"id": disease.id, "label": disease.label},
                "ageOfOnset": {"iso8601duration": f"P{onset}Y"},
            }
            for disease, affected in zip(DISEASES, cohort.diseases[place].tolist(), strict=True)
            if affected
        ],
        "measurements": [
            {
                "assayCode": {"id": "LOINC:35925-4", "label": "BMI"},
                "measurementValue": {
                    "unit": {"id": "NCIT:C49671", "label": "Kilogram per Square Meter"},
                    "value": float(cohort.bmi[place]),
                },
                "observationMoment": {"iso8601duration": f"P{age}Y"},
            }
        ],
        "info": {"age": f"P{age}Y", "note": NOTE},
    }


def biosample(cohort: Cohort, place: int) -> Document:
    """The one blood sample of a person."""
    return {
        "id": f"{cohort.ids[place]}-S",
        "individualId": cohort.ids[place],
        "biosampleStatus": {"id": "EFO:0009654", "label": "reference sample"},
        "sampleOriginType": {"id": "UBERON:0000178", "label": "blood"},
        "collectionMoment": f"P{int(cohort.ages[place])}Y",
    }


def run(cohort: Cohort, place: int) -> Document:
    """The sequencing run of that sample."""
    return {
        "id": f"{cohort.ids[place]}-R",
        "biosampleId": f"{cohort.ids[place]}-S",
        "individualId": cohort.ids[place],
        "runDate": "2025-03-01",
        "libraryLayout": "PAIRED",
        "librarySource": {"id": "GENEPIO:0001966", "label": "genomic source"},
        "platform": "simulated",
    }


def analysis(cohort: Cohort, place: int) -> Document:
    """The variant calling of that run."""
    return {
        "id": f"{cohort.ids[place]}-A",
        "runId": f"{cohort.ids[place]}-R",
        "biosampleId": f"{cohort.ids[place]}-S",
        "individualId": cohort.ids[place],
        "analysisDate": "2025-03-02",
        "pipelineName": "opengdi-demo",
    }


def cohort_document(cohort: Cohort, title: str) -> Document:
    """The cohort itself; its distributions are computed by the node, behind the floor."""
    return {"id": f"{cohort.country}-demo-cohort", "name": title, "cohortType": "study-defined"}
