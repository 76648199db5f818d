package jcrosvm.hypervisor.soft.interp;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class DecodeBudgetTest {
    private static final int LIMIT = 128 << 10;

    @Test
    void oneProcessorMayHaveAllAndGetsItBack() {
        DecodeBudget budget = new DecodeBudget();
        int held = 0;
        while (budget.take(held)) {
            held++;
        }
        assertThat(held).isEqualTo(LIMIT);
        budget.give(held + 1);
        assertThat(budget.taken()).isZero();
    }

    @Test
    void eachHasAShareWhenOthersHaveAll() {
        DecodeBudget budget = new DecodeBudget();
        for (int i = 0; i < LIMIT; i++) {
            assertThat(budget.take(i)).isTrue();
        }
        assertThat(budget.take(0)).isTrue();
        assertThat(budget.take(1 << 10)).isFalse();
    }

    /** A program of millions of different instructions runs, and what is kept of it stays below the limit. */
    @Test
    void codeWithoutEndStaysWithinTheBudget() {
        CodeMachine machine = new CodeMachine(CodeMachine.Mode.PROTECTED_32);
        int start = 1 << 20;
        int length = 2 << 20;
        machine.ram.segment().asSlice(start, length).fill((byte) 0x90);
        machine.ram.segment().set(ValueLayout.JAVA_BYTE, start + length, (byte) 0xf4);
        for (int round = 0; round < 2; round++) {
            machine.cpu.halted = false;
            machine.cpu.take(-1);
            machine.cpu.rip(start);
            machine.interpreter.run();
            assertThat(machine.cpu.rip()).isEqualTo(start + length + 1);
            assertThat(machine.budget.taken()).isBetween(1, LIMIT + Block.MAX);
        }
        machine.interpreter.close();
        assertThat(machine.budget.taken()).isZero();
    }
}
