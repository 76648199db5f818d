package jcrosvm.hypervisor.soft.interp;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.util.SplittableRandom;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.interp.CodeMachine.Mode;
import org.junit.jupiter.api.Test;

final class IntegerInstructionsTest {
    private final CodeMachine m = new CodeMachine(Mode.LONG);

    private long rax(String hex) {
        m.code(hex).steps(1);
        return m.gpr(Cpu.RAX);
    }

    @Test
    void registersMergeByTheirSize() {
        m.gpr(Cpu.RAX, 0x1122_3344_5566_7788L).gpr(Cpu.RCX, 0xffff_ffff_ffff_ffffL);
        assertThat(rax("88c8")).isEqualTo(0x1122_3344_5566_77ffL); // mov al, cl
        assertThat(rax("88ec")).isEqualTo(0x1122_3344_5566_ffffL); // mov ah, ch
        assertThat(rax("6689c8")).isEqualTo(0x1122_3344_5566_ffffL);
        assertThat(rax("89c8")).isEqualTo(0xffff_ffffL);
        assertThat(rax("4889c8")).isEqualTo(-1);
        m.gpr(Cpu.RSI, 0x55);
        assertThat(rax("4088f0")).isEqualTo(0xffff_ffff_ffff_ff55L); // mov al, sil
    }

    @Test
    void memoryOperandsOfEverySize() {
        m.gpr(Cpu.RBX, CodeMachine.DATA).gpr(Cpu.RCX, 3);
        m.put(CodeMachine.DATA + 8, 0x8877_6655_4433_2211L);
        assertThat(rax("488b4308")).isEqualTo(0x8877_6655_4433_2211L);
        assertThat(rax("8b4308")).isEqualTo(0x4433_2211L);
        assertThat(rax("0fbe430f")).isEqualTo(0xffff_ff88L); // movsx eax, byte [rbx+15]
        assertThat(rax("480fbf430e")).isEqualTo(0xffff_ffff_ffff_8877L);
        assertThat(rax("4863430c")).isEqualTo(0xffff_ffff_8877_6655L); // movsxd
        assertThat(rax("488d448bf0")).isEqualTo(CodeMachine.DATA + 12 - 16); // lea rax, [rbx+rcx*4-16]
        assertThat(rax("0fb6444b05")).isEqualTo(0x44);
        m.code("6683440b0501").steps(1); // add word [rbx+rcx+5], 1
        assertThat(m.get(CodeMachine.DATA + 8)).isEqualTo(0x8877_6655_4433_2212L);
        m.code("f0480fc14308").gpr(Cpu.RAX, 2).steps(1); // lock xadd
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(0x8877_6655_4433_2212L);
        assertThat(m.get(CodeMachine.DATA + 8)).isEqualTo(0x8877_6655_4433_2214L);
    }

    @Test
    void ripRelativeAddressesCountFromTheNextInstruction() {
        m.put(CodeMachine.CODE + 8 + 0x100, 77);
        assertThat(rax("48 8b 05 01010000")).isEqualTo(77);
        m.put(CodeMachine.CODE + 0x200, 3);
        m.code("48833d f8010000 03").steps(1); // cmp qword [rip+0x1f8], 3: the immediate is in front of it
        assertThat(m.flags() & Rflags.ZF).isNotZero();
    }

    @Test
    void addressSizeTruncates() {
        m.put(CodeMachine.DATA, 0x1234);
        m.gpr(Cpu.RBX, 0xffff_ffff_0000_0000L + CodeMachine.DATA);
        assertThat(rax("67488b03")).isEqualTo(0x1234);
    }

    @Test
    void multiplications() {
        m.gpr(Cpu.RAX, -3).gpr(Cpu.RCX, 7).code("48f7e9").steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(-21);
        assertThat(m.gpr(Cpu.RDX)).isEqualTo(-1);
        assertThat(m.flags() & (Rflags.CF | Rflags.OF)).isZero();
        m.gpr(Cpu.RAX, -1).gpr(Cpu.RCX, -1).code("48f7e1").steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(1);
        assertThat(m.gpr(Cpu.RDX)).isEqualTo(-2);
        assertThat(m.flags() & (Rflags.CF | Rflags.OF)).isEqualTo(Rflags.CF | Rflags.OF);
        m.gpr(Cpu.RAX, 0xffff_0080L).gpr(Cpu.RCX, 0x80).code("f6e9").steps(1); // imul cl
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(0xffff_4000L);
        m.gpr(Cpu.RAX, 0x1_0000_0001L).gpr(Cpu.RCX, 0x4000_0000).code("6bc103").steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(0xc000_0000L);
        assertThat(m.flags() & Rflags.OF).isNotZero();
        m.gpr(Cpu.RDX, -1).gpr(Cpu.RCX, 16).code("c4e2e3f6c1").steps(1); // mulx rax, rbx, rcx
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(15);
        assertThat(m.gpr(Cpu.RBX)).isEqualTo(-16);
    }

    private static BigInteger wide(long high, long low) {
        return BigInteger.valueOf(high)
                .shiftLeft(64)
                .or(BigInteger.valueOf(low).and(BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE)));
    }

    private static BigInteger unsigned(BigInteger value, int bits) {
        return value.and(BigInteger.ONE.shiftLeft(bits).subtract(BigInteger.ONE));
    }

    @Test
    void divisionsOf128Bits() {
        SplittableRandom random = new SplittableRandom(99);
        for (int i = 0; i < 50_000; i++) {
            long high = random.nextLong() >> random.nextInt(64);
            long low = random.nextLong() >>> random.nextInt(64);
            long by = random.nextLong() >> random.nextInt(64);
            boolean signed = random.nextBoolean();
            BigInteger a = signed ? wide(high, low) : unsigned(wide(high, low), 128);
            BigInteger b = signed ? BigInteger.valueOf(by) : unsigned(BigInteger.valueOf(by), 64);
            m.gpr(Cpu.RDX, high).gpr(Cpu.RAX, low).gpr(Cpu.RCX, by).code(signed ? "48f7f9" : "48f7f1");
            BigInteger[] both = b.signum() == 0 ? null : a.divideAndRemainder(b);
            String what = "%s / %s".formatted(a, b);
            if (both == null || (signed ? both[0].bitLength() > 63 : both[0].bitLength() > 64)) {
                assertThat(m.fault()).as(what).isEqualTo("0:-1");
            } else {
                m.steps(1);
                assertThat(m.gpr(Cpu.RAX)).as(what).isEqualTo(both[0].longValue());
                assertThat(m.gpr(Cpu.RDX)).as(what).isEqualTo(both[1].longValue());
            }
        }
    }

    @Test
    void smallerDivisions() {
        m.gpr(Cpu.RAX, 0x0807).gpr(Cpu.RCX, 9).code("f6f1").steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(0x807 % 9 << 8 | 0x807 / 9);
        m.gpr(Cpu.RAX, 0x900).code("f6f1");
        assertThat(m.fault()).isEqualTo("0:-1");
        m.gpr(Cpu.RAX, 0x8000_0000L).gpr(Cpu.RDX, 0xffff_ffffL).gpr(Cpu.RCX, -1).code("f7f9");
        assertThat(m.fault()).isEqualTo("0:-1");
        m.gpr(Cpu.RAX, -7).gpr(Cpu.RDX, -1).gpr(Cpu.RCX, 2).code("66f7f9").steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(0xffff_ffff_ffff_fffdL);
        assertThat(m.gpr(Cpu.RDX)).isEqualTo(-1);
    }

    @Test
    void bitTestsReachBeyondTheOperand() {
        m.gpr(Cpu.RBX, CodeMachine.DATA + 64).gpr(Cpu.RCX, 130);
        m.code("480fab0b").steps(1); // bts [rbx], rcx
        assertThat(m.get(CodeMachine.DATA + 80)).isEqualTo(4);
        assertThat(m.flags() & Rflags.CF).isZero();
        m.code("f0480fb30b").steps(1); // lock btr
        assertThat(m.get(CodeMachine.DATA + 80)).isZero();
        assertThat(m.flags() & Rflags.CF).isNotZero();
        m.gpr(Cpu.RCX, -1).code("0fbb0b").steps(1); // btc dword: one before
        assertThat(m.get(CodeMachine.DATA + 56)).isEqualTo(1L << 63);
        m.gpr(Cpu.RCX, 0x7f).code("0fa3c8").gpr(Cpu.RAX, 1L << 31).steps(1);
        assertThat(m.flags() & Rflags.CF).isNotZero();
        m.put(CodeMachine.DATA + 64, 0).code("480fba2b43").steps(1);
        assertThat(m.get(CodeMachine.DATA + 64)).isEqualTo(8);
    }

    @Test
    void scansAndCounts() {
        m.gpr(Cpu.RCX, 0x10).gpr(Cpu.RAX, -1);
        assertThat(rax("0fbcc1")).isEqualTo(4);
        assertThat(rax("f30fbdc1")).isEqualTo(27);
        assertThat(rax("f3480fb8c1")).isEqualTo(1);
        m.gpr(Cpu.RCX, 0).gpr(Cpu.RAX, 0x1_2345_6789L);
        assertThat(rax("0fbdc1")).isEqualTo(0x1_2345_6789L);
        assertThat(m.flags() & Rflags.ZF).isNotZero();
        assertThat(rax("66f30fbcc1")).isEqualTo(0x1_2345_0010L);
        assertThat(m.flags() & Rflags.CF).isNotZero();
    }

    @Test
    void bitManipulation() {
        m.gpr(Cpu.RCX, 0xf0f0).gpr(Cpu.RDX, 0x1234_5678);
        assertThat(rax("c4e2f0f2c2")).isEqualTo(0x1234_5678L & ~0xf0f0L); // andn rax, rcx, rdx
        assertThat(rax("c4e2f3f5c2")).isEqualTo(Long.expand(0xf0f0, 0x1234_5678)); // pdep rax, rcx, rdx
        assertThat(rax("c4e2f2f5c2")).isEqualTo(Long.compress(0xf0f0, 0x1234_5678));
        assertThat(rax("c4e3fbf0c208")).isEqualTo(0x7800_0000_0012_3456L); // rorx rax, rdx, 8
        assertThat(rax("c4e2f1f7c2")).isEqualTo(0x1234_5678L << (0xf0f0 & 63)); // shlx
        m.gpr(Cpu.RCX, 0x0804);
        assertThat(rax("c4e2f0f7c2")).isEqualTo(0x67); // bextr
        assertThat(rax("c4e2f0f5c2")).isEqualTo(8); // bzhi rax, rdx, rcx: 4 bits
        assertThat(rax("c4e2f8f3d9")).isEqualTo(4); // blsi rax, rcx
        assertThat(rax("c4e2f8f3c9")).isEqualTo(0x800); // blsr
        assertThat(rax("c4e2f8f3d1")).isEqualTo(7); // blsmsk
        m.gpr(Cpu.RAX, 0).gpr(Cpu.RCX, '1');
        m.gpr(Cpu.RAX, 0xffff_ffffL);
        for (char c : "123456789".toCharArray()) {
            m.gpr(Cpu.RCX, c);
            rax("f20f38f0c1");
        }
        assertThat(~m.gpr(Cpu.RAX) & 0xffff_ffffL).isEqualTo(0xe306_9283L); // the check value of CRC-32C
    }

    @Test
    void carriesOfAdxAreIndependent() {
        m.cpu.rflags(Rflags.FIXED | Rflags.CF | Rflags.ZF);
        m.gpr(Cpu.RAX, -1).gpr(Cpu.RCX, 0);
        assertThat(rax("66480f38f6c1")).isZero();
        assertThat(m.flags()).isEqualTo(Rflags.CF | Rflags.ZF);
        assertThat(rax("f3480f38f6c1")).isZero();
        assertThat(m.flags()).isEqualTo(Rflags.CF | Rflags.ZF);
    }

    @Test
    void compareAndExchange() {
        m.gpr(Cpu.RBX, CodeMachine.DATA).gpr(Cpu.RAX, 5).gpr(Cpu.RCX, 9);
        m.put(CodeMachine.DATA, 5);
        m.code("f0480fb10b").steps(1);
        assertThat(m.get(CodeMachine.DATA)).isEqualTo(9);
        assertThat(m.flags() & Rflags.ZF).isNotZero();
        m.code("480fb10b").steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(9);
        assertThat(m.flags() & Rflags.ZF).isZero();
        m.gpr(Cpu.RAX, 0x1_0000_0009L)
                .gpr(Cpu.RDX, 0x7_0000_0001L)
                .code("0fb1ca")
                .steps(1); // cmpxchg edx, ecx
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(1);
        assertThat(m.gpr(Cpu.RDX)).isEqualTo(0x7_0000_0001L);
        m.put(CodeMachine.DATA + 16, 1);
        m.put(CodeMachine.DATA + 24, 2);
        m.gpr(Cpu.RAX, 1).gpr(Cpu.RDX, 2).gpr(Cpu.RBX, 3).gpr(Cpu.RCX, 4).gpr(Cpu.RSI, CodeMachine.DATA + 16);
        m.code("f0480fc70e").steps(1);
        assertThat(m.get(CodeMachine.DATA + 16)).isEqualTo(3);
        assertThat(m.get(CodeMachine.DATA + 24)).isEqualTo(4);
        m.code("480fc70e").steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(3);
        assertThat(m.gpr(Cpu.RDX)).isEqualTo(4);
        m.gpr(Cpu.RSI, CodeMachine.DATA + 8).code("480fc70e");
        assertThat(m.fault()).isEqualTo("13:0");
        m.put(CodeMachine.DATA, 0x2_0000_0001L);
        m.gpr(Cpu.RAX, 1).gpr(Cpu.RDX, 2).gpr(Cpu.RBX, 5).gpr(Cpu.RCX, 6).gpr(Cpu.RSI, CodeMachine.DATA);
        m.code("f00fc70e").steps(1);
        assertThat(m.get(CodeMachine.DATA)).isEqualTo(0x6_0000_0005L);
    }

    @Test
    void conversionsAndSwaps() {
        m.gpr(Cpu.RAX, 0x80);
        assertThat(rax("6698")).isEqualTo(0xff80);
        assertThat(rax("98")).isEqualTo(0xffff_ff80L);
        assertThat(rax("4898")).isEqualTo(-128);
        m.code("4899").steps(1);
        assertThat(m.gpr(Cpu.RDX)).isEqualTo(-1);
        m.gpr(Cpu.RAX, 0x1122_3344_5566_7788L);
        assertThat(rax("480fc8")).isEqualTo(0x8877_6655_4433_2211L);
        assertThat(rax("0fc8")).isEqualTo(0x1122_3344L);
        m.gpr(Cpu.RBX, CodeMachine.DATA).put(CodeMachine.DATA, 0x1122_3344_5566_7788L);
        assertThat(rax("480f38f003")).isEqualTo(0x8877_6655_4433_2211L);
        m.gpr(Cpu.RAX, 2).put(CodeMachine.DATA, 0xcc_bb_aaL);
        assertThat(rax("d7")).isEqualTo(0xcc);
        m.gpr(Cpu.RAX, 1).gpr(Cpu.RCX, 2).code("4891").steps(1);
        assertThat(m.gpr(Cpu.RCX)).isEqualTo(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(2);
    }

    @Test
    void conditionalMovesZeroExtendAlways() {
        m.cpu.rflags(Rflags.FIXED);
        m.gpr(Cpu.RAX, 0x1_0000_0002L).gpr(Cpu.RCX, 9);
        assertThat(rax("0f44c1")).isEqualTo(2);
        assertThat(rax("0f45c1")).isEqualTo(9);
        assertThat(rax("0f95c0")).isEqualTo(1);
    }

    @Test
    void randomNumbersDiffer() {
        long first = rax("480fc7f0");
        assertThat(m.flags()).isEqualTo(Rflags.CF);
        assertThat(rax("480fc7f0")).isNotEqualTo(first);
        assertThat(rax("0fc7f8") >>> 32).isZero();
    }

    @Test
    void decimals() {
        CodeMachine p = new CodeMachine(Mode.PROTECTED_32);
        p.gpr(Cpu.RAX, 0x79 + 0x35).code("27").steps(1);
        assertThat(p.gpr(Cpu.RAX)).isEqualTo(0x14);
        assertThat(p.flags() & Rflags.CF).isNotZero();
        p.gpr(Cpu.RAX, 0x0b).cpu.rflags(Rflags.FIXED);
        p.code("37").steps(1);
        assertThat(p.gpr(Cpu.RAX)).isEqualTo(0x101);
        p.gpr(Cpu.RAX, 57).code("d40a").steps(1);
        assertThat(p.gpr(Cpu.RAX)).isEqualTo(0x507);
        p.code("d50a").steps(1);
        assertThat(p.gpr(Cpu.RAX)).isEqualTo(57);
        p.code("d400");
        assertThat(p.fault()).isEqualTo("0:-1");
    }

    @Test
    void boundsAreInclusive() {
        CodeMachine p = new CodeMachine(Mode.PROTECTED_32);
        p.put(CodeMachine.DATA, 5L << 32 | 0xffff_fffeL);
        p.gpr(Cpu.RBX, CodeMachine.DATA).gpr(Cpu.RAX, 5).code("6203").steps(1);
        p.gpr(Cpu.RAX, -2).code("6203").steps(1);
        p.gpr(Cpu.RAX, 6).code("6203");
        assertThat(p.fault()).isEqualTo("5:-1");
    }
}
