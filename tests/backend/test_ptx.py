"""What runs PTX for the estimate of a GPU's time computes what the text says, and counts it."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import ptx

NEIGHBOURS = """
.visible .entry neighbours(
    .param .u64 neighbours_param_0,
    .param .u64 neighbours_param_1
)
.maxntid 64, 1, 1
{
    .reg .pred  %p<2>;
    .shared .align 4 .b8 room[8192];
    ld.param.u64    %rd1, [neighbours_param_0];
    ld.param.u64    %rd2, [neighbours_param_1];
    mov.u32         %r1, %tid.x;
    mul.wide.s32    %rd3, %r1, 4;
    add.s64         %rd4, %rd1, %rd3;
    ld.global.f32   %f1, [%rd4];
    mul.lo.s32      %r2, %r1, STRIDE;
    mov.u32         %r3, room;
    add.s32         %r4, %r3, %r2;
    st.shared.f32   [%r4], %f1;
    bar.sync        0;
    setp.eq.s32     %p1, %r1, 0;
    @%p1 bra        $L_first;
    sub.s32         %r5, %r4, STRIDE;
    ld.shared.f32   %f2, [%r5];
    fma.rn.f32      %f1, %f2, 0f40000000, %f1;
$L_first:
    add.s64         %rd5, %rd2, %rd3;
    st.global.f32   [%rd5], %f1;
    ret;
}
"""
"""y[i] = x[i] + 2 x[i - 1], and y[0] = x[0]; a thread's word of shared memory is STRIDE bytes after its neighbour's."""


def neighbours(stride):
    (kernel,) = ptx.kernels(NEIGHBOURS.replace("STRIDE", str(stride))).values()
    x = np.arange(1, 65, dtype=np.float32)
    memory = np.concatenate([np.zeros(256, np.uint8), x.view(np.uint8), np.zeros(256, np.uint8)])
    block = ptx.Block(kernel, [np.uint64(256), np.uint64(512)], memory, (1,), (64,)).run()
    np.testing.assert_array_equal(block.memory[512:].view(np.float32), x + 2 * np.r_[0, x[:-1]])
    return block


def test_a_block_computes_what_the_text_says_and_counts_warps():
    block = neighbours(4)
    assert block.counts["multiply-adds"] == 2  # one instruction in each of two warps
    assert block.counts["global accesses"] == 4 and block.counts["global sectors"] == 16  # 64 floats there and back
    assert block.counts["shared accesses"] == block.counts["shared wavefronts"] == 4
    (first, counts), (second, _) = block.stages
    assert first + second == block.cycles and counts["issue"] == counts["instructions"] / 2  # a warp is a scheduler's


def test_threads_that_meet_in_a_bank_take_turns():
    assert neighbours(8).counts["shared wavefronts"] == 8  # every other bank, twice
    assert neighbours(128).counts["shared wavefronts"] == 32 + 32 + 31 + 32  # one bank for all; thread 0 reads nothing


def test_a_short_branch_waits_for_nothing(monkeypatch):
    """The one over three instructions is the assembler's, not the GPU's."""
    cycles = neighbours(4).cycles
    monkeypatch.setattr(ptx, "SHORT", 2)
    assert neighbours(4).cycles > cycles


def test_a_result_is_waited_for():
    cycles = neighbours(4).cycles
    assert cycles > ptx.LATENCY["global"] + ptx.LATENCY["barrier"] + ptx.LATENCY["shared"] + ptx.LATENCY["alu"]


SENT = NEIGHBOURS.replace("""
    ld.global.f32   %f1, [%rd4];""", "").replace("""
    st.shared.f32   [%r4], %f1;
""", """
    setp.ne.s32     %p2, %r1, 0;
    add.s32         %r6, %r3, 256;
    mov.u32         %r7, 256;
    @%p2 bra        $L_others;
    mbarrier.init.shared.b64 [%r6], 1;
    fence.proxy.async.shared::cta;
    mbarrier.arrive.expect_tx.shared.b64 _, [%r6], %r7;
    cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r3], [%rd1], %r7, [%r6];
$L_others:
    bar.sync        0;
WAIT
    ld.shared.f32   %f1, [%r4];
""")
"""The same, x being sent into shared memory by thread 0."""

WAIT = """
$L_wait:
    mbarrier.try_wait.parity.shared.b64 all, [%r6], 0;
    selp.u32        %r8, 1, 0, all;
    setp.eq.s32     %p3, %r8, 0;
    @%p3 bra        $L_wait;
"""


@pytest.mark.parametrize("wait", [WAIT, ""])
def test_what_is_sent_into_shared_memory_is_waited_for_where_the_text_says(wait):
    (kernel,) = ptx.kernels(SENT.replace("STRIDE", "4").replace("WAIT", wait)).values()
    x = np.arange(64, dtype=np.float32)
    memory = np.concatenate([np.zeros(256, np.uint8), x.view(np.uint8), np.zeros(256, np.uint8)])
    block = ptx.Block(kernel, [np.uint64(256), np.uint64(512)], memory, (1,), (64,), bandwidth=0.5).run()
    np.testing.assert_array_equal(block.memory[512:].view(np.float32), x + 2 * np.r_[0, x[:-1]])
    assert block.counts["copied sectors"] == 8 and block.counts["global sectors"] == 8  # x and y
    assert (block.cycles > ptx.LATENCY["global"] + 256 / 0.5) == bool(wait)
