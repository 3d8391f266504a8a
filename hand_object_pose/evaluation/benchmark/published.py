"""Numbers that papers and repositories print, by protocol. Only what was read in a source, never from memory."""

from hand_object_pose.evaluation.benchmark.protocol import PublishedRow

_DMA_1 = "dense mutual attention (WACV 2023), Table 1"
_DMA_2 = "dense mutual attention (WACV 2023), Table 2"
_RELEASE = "picture in the release's repository (HO3D server)"
_LATER = "comparison tables of later papers"
_README = "HandOccNet's README"


def _table(source: str, titles: tuple[str, ...], rows: dict[str, tuple[float | None, ...]]) -> tuple[PublishedRow, ...]:
    return tuple(
        PublishedRow(
            method,
            {title: number for title, number in zip(titles, numbers, strict=True) if number is not None},
            source,
        )
        for method, numbers in rows.items()
    )


_TABLE_1 = (
    *("hand MJE (cm)", "hand MJE AUC", "hand MME (cm)", "hand MME AUC"),
    *("object MME (cm)", "ADD-S (cm)", "PD (mm)", "CP (%)"),
)
DMA_HO3D = _table(
    _DMA_1,
    _TABLE_1,
    {
        "Hasson et al. 2020": (3.69, 0.469, 1.14, 0.773, 8.7, 2.9, None, None),
        "Hasson et al. 2021": (2.68, 0.510, 1.20, 0.761, 8.0, 3.8, 1.5, 77.5),
        "Keypoint Transformer": (2.57, 0.532, None, None, None, None, None, None),
        "ArtiBoost": (2.53, 0.532, 1.09, 0.782, None, None, None, None),
        "dense mutual attention": (2.38, 0.560, 1.06, 0.789, 5.7, 2.3, 1.3, 85.6),
    },
)
DMA_DEXYCB = _table(
    _DMA_2,
    ("hand MJE (cm)", "object MCE (cm)", "PD (mm)"),
    {
        "Hasson et al. 2019": (1.76, None, None),
        "Hasson et al. 2021": (1.88, 5.25, 0.79),
        "Tse et al.": (1.53, None, None),
        "dense mutual attention": (1.27, 3.26, 0.67),
    },
)
DMA_RELEASE_HO3D = _table(
    _RELEASE,
    ("hand MJE (cm)", "hand MJE AUC", "hand MME (cm)", "hand MME AUC", "F@5", "F@15"),
    {"dense mutual attention": (2.22, 0.581, 2.20, 0.584, 0.279, 0.776)},
)
HFL_NET_HO3D = _table(
    _LATER,
    ("PA joints (mm)", "PA mesh (mm)", "PA F@5", "PA F@15"),
    {
        "Liu et al. 2021": (9.9, 9.5, 0.528, 0.956),
        "ArtiBoost": (11.4, 10.9, 0.488, 0.944),
        "Keypoint Transformer": (10.8, None, None, None),
        "HandOccNet (hand only)": (9.1, 8.8, 0.564, 0.963),
        "UniHOPE": (9.6, None, None, None),
        "Hierarchical feature decoupling 2025": (9.1, 9.0, None, 0.958),
        "AMVUR (hand only)": (8.3, 8.2, 0.608, 0.965),
        "HaMeR (hand only, much more data)": (7.7, 7.9, 0.635, 0.980),
        "WiLoR (hand only, much more data)": (7.5, 7.7, 0.646, 0.983),
    },
)
HOISDF_HO3D = _table(
    _LATER,
    ("MJE (mm)", "PA joints (mm)", "OCE (mm)", "ADD-S (mm)"),
    {"HOISDF": (19.0, 9.2, 35.5, 14.4), "VPHO": (19.9, 8.5, 27.1, 14.3)},
)
_FULL = ("MJE (mm)", "PA joints (mm)", "MCE (mm)", "OCE (mm)", "ADD-S (mm)")
DEXYCB_HANDS = _table(
    _README,
    _FULL[:2],
    {
        "Spurr et al. 2020 (hand only)": (17.34, 6.83),
        "METRO (hand only)": (15.24, 6.99),
        "Liu et al. 2021": (15.28, 6.58),
        "HandOccNet (hand only)": (14.04, 5.80),
    },
)
DEXYCB_FULL = _table(
    _LATER,
    _FULL,
    {
        "HFL-Net": (12.56, 5.47, 48.0, 42.7, 33.8),
        "HOISDF": (10.1, 5.13, 35.8, 27.6, 18.6),
        "VPHO": (10.0, 5.08, 26.2, 23.7, 13.5),
    },
)
