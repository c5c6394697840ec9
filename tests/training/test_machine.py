"""Which arithmetic a processor is faster in."""

import pytest

from simpleml.training.machine import fast_bfloat16

AMX = ["avx512f", "avx512_bf16", "amx_bf16", "amx_tile"]
AVX512 = ["avx512f", "avx512_bf16"]


@pytest.mark.parametrize(
    ("flags", "vendor", "faster"),
    [
        (AMX, "GenuineIntel", True),
        (AVX512, "AuthenticAMD", True),
        (AVX512, "GenuineIntel", False),  # 0.61 to 0.71 of float32's speed there
        (["avx2"], "AuthenticAMD", False),
        ([], "", False),
    ],
)
def test_bfloat16_is_chosen_where_it_is_faster(flags: list[str], vendor: str, faster: bool) -> None:
    assert fast_bfloat16(flags, vendor) is faster
