package jcrosvm.hypervisor.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.Test;

class SlotNumbersTest {
    @Test
    void numbersAreUniqueAndUsedAgain() {
        int most = 12;
        SlotNumbers numbers = new SlotNumbers(most);
        Random random = new Random(4);
        List<Integer> taken = new ArrayList<>();
        for (int i = 0; i < 10_000; i++) {
            if (taken.size() == most) {
                assertThatThrownBy(numbers::take)
                        .isInstanceOf(VmmException.class)
                        .hasMessage("this KVM has 12 memory slots for a VM, and all are in use");
            }
            if (taken.size() == most || !taken.isEmpty() && random.nextInt(5) < 2) {
                numbers.free(taken.remove(random.nextInt(taken.size())));
            } else {
                taken.add(numbers.take());
            }
            Set<Integer> distinct = new HashSet<>(taken);
            assertThat(distinct).hasSameSizeAs(taken).allMatch(n -> n >= 0 && n < most);
        }
    }
}
