package jcrosvm.hypervisor.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GuestCpuidTest {
    private static final CpuidTable HOST = new CpuidTable(List.of(
            new CpuidLeaf(0, 0, false, 0x1f, 0, 0, 0),
            new CpuidLeaf(1, 0, false, 0x806f8, -1, -1, -1),
            new CpuidLeaf(4, 0, true, 0xfc004121, 1, 2, 3),
            new CpuidLeaf(4, 1, true, 0xfc004163, 1, 2, 3),
            new CpuidLeaf(4, 2, true, 0, 0, 0, 0),
            new CpuidLeaf(0xb, 0, true, 7, 7, 7, 7),
            new CpuidLeaf(0x8000_0001, 0, false, 0, 0, -1, -1),
            new CpuidLeaf(0x8000_0008, 0, false, 0x3030, 0, -1, 0),
            new CpuidLeaf(0x8000_000a, 0, false, 1, 8, 0, -1)));

    private static CpuidLeaf leaf(CpuidTable table, int leaf, int subleaf) {
        return table.find(leaf, subleaf).orElseThrow();
    }

    /** What Linux computes from leaf 0xB: shift widths that tell every APIC id apart, and counts that add up. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 12, 17, 24, 63, 64})
    void topologyIsConsistentForAnyCount(int vcpus) {
        for (boolean smt : new boolean[] {true, false}) {
            CpuTopology topology = CpuTopology.of(vcpus, smt);
            Set<Integer> cores = new HashSet<>();
            for (int id = 0; id < vcpus; id++) {
                CpuidTable table = GuestCpuid.forVcpu(HOST, topology, id, true, true);
                CpuidLeaf threads = leaf(table, 0xb, 0);
                CpuidLeaf all = leaf(table, 0xb, 1);
                assertThat(threads.edx()).isEqualTo(id);
                assertThat(threads.ebx()).isEqualTo(topology.threadsPerCore());
                assertThat(all.ebx()).isEqualTo(vcpus);
                assertThat(id >>> all.eax()).as("one package").isZero();
                assertThat(1 << all.eax()).isGreaterThanOrEqualTo(vcpus);
                cores.add(id >>> threads.eax());
                assertThat(leaf(table, 0xb, 2).ecx()).isEqualTo(2);
                assertThat(leaf(table, 1, 0).ebx()).isEqualTo(id << 24 | vcpus << 16 | 8 << 8);
                assertThat(leaf(table, 0x1f, 0)).isEqualTo(threadsOf(threads));
                assertThat(leaf(table, 0x8000_0008, 0).ecx() & 0xff).isEqualTo(vcpus - 1);
            }
            assertThat(cores).hasSize(topology.coresPerPackage());
        }
    }

    private static CpuidLeaf threadsOf(CpuidLeaf b) {
        return new CpuidLeaf(0x1f, b.subleaf(), true, b.eax(), b.ebx(), b.ecx(), b.edx());
    }

    @Test
    void packagesSplitTheApicId() {
        CpuTopology topology = new CpuTopology(List.of(List.of(0, 1, 2, 3, 4, 5), List.of(6, 7, 8, 9, 10, 11)), 2);
        Set<Integer> ids = new HashSet<>();
        Set<Integer> packages = new HashSet<>();
        for (int vcpu = 0; vcpu < 12; vcpu++) {
            int id = topology.apicId(vcpu);
            ids.add(id);
            CpuidTable table = GuestCpuid.forVcpu(HOST, topology, id, true, true);
            packages.add(id >>> leaf(table, 0xb, 1).eax());
            assertThat(leaf(table, 0xb, 1).ebx()).isEqualTo(6);
            assertThat(leaf(table, 0xb, 0).edx()).isEqualTo(id);
        }
        assertThat(ids).hasSize(12);
        assertThat(packages).containsExactlyInAnyOrder(0, 1);
        assertThat(topology.apicId(6)).isEqualTo(8);
    }

    /** What a guest makes of it: packages by the high bits, siblings by the low ones. */
    @Test
    void packagesCanDiffer() {
        CpuTopology topology = new CpuTopology(List.of(List.of(0, 4, 5), List.of(3), List.of(1, 2)), 1);
        assertThat(IntStream.range(0, 6).map(topology::apicId)).containsExactly(0, 8, 9, 4, 1, 2);
        assertThat(topology.packageBits()).isEqualTo(2);
        assertThat(topology.vcpusPerPackage()).isEqualTo(3);
        for (List<List<Integer>> bad : List.of(
                List.of(List.of(1), List.of(0)),
                List.of(List.of(0), List.of(2)),
                List.of(List.of(0), List.of(0)),
                List.of(List.<Integer>of(), List.of(0)),
                List.<List<Integer>>of())) {
            assertThatThrownBy(() -> new CpuTopology(bad, 1)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void cachesAreSharedByTheRightProcessors() {
        CpuidTable table = GuestCpuid.forVcpu(HOST, CpuTopology.of(8, true), 3, true, true);
        assertThat(leaf(table, 4, 0).eax() >>> 14 & 0xfff).as("L1").isEqualTo(1);
        assertThat(leaf(table, 4, 1).eax() >>> 14 & 0xfff).as("L3").isEqualTo(7);
        assertThat(leaf(table, 4, 0).eax() >>> 26).isEqualTo(3);
        assertThat(leaf(table, 4, 2).eax()).isZero();
        assertThat(leaf(table, 4, 0).eax() & 0x3fff).isEqualTo(0xfc004121 & 0x3fff);
    }

    @Test
    void featureBitsFollowTheHypervisor() {
        CpuidLeaf with = leaf(GuestCpuid.forVcpu(HOST, CpuTopology.of(1, true), 0, true, true), 1, 0);
        CpuidLeaf without = leaf(GuestCpuid.forVcpu(HOST, CpuTopology.of(1, true), 0, false, false), 1, 0);
        assertThat(with.ecx() & 1 << 24).isNotZero();
        assertThat(without.ecx() & 1 << 24).isZero();
        assertThat(without.ecx() & 1 << 5).as("VMX").isZero();
        assertThat(without.ecx() & 1 << 31).as("hypervisor").isNotZero();
        assertThat(without.ecx() & 1 << 21).as("x2APIC").isNotZero();
        assertThat(with.edx() & 1 << 28).as("HTT").isZero();
    }

    @Test
    void nestedOffHidesSvm() {
        CpuidTable table = GuestCpuid.forVcpu(HOST, CpuTopology.of(1, true), 0, true, false);
        assertThat(leaf(table, 0x8000_0001, 0).ecx() & 1 << 2).isZero();
        assertThat(table.find(0x8000_000a, 0)).isEmpty();
    }

    @Test
    void oddCountsHaveNoSiblings() {
        assertThat(CpuTopology.of(3, true).threadsPerCore()).isEqualTo(1);
        assertThat(CpuTopology.of(4, true).threadsPerCore()).isEqualTo(2);
        assertThat(CpuTopology.of(4, false).threadsPerCore()).isEqualTo(1);
        assertThatThrownBy(() -> new CpuTopology(List.of(List.of(0, 1, 2)), 2))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> CpuTopology.of(0, true)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void leavesStaySorted() {
        CpuidTable table = GuestCpuid.forVcpu(HOST, CpuTopology.of(2, true), 0, true, true);
        for (int i = 1; i < table.leaves().size(); i++) {
            CpuidLeaf before = table.leaves().get(i - 1);
            CpuidLeaf after = table.leaves().get(i);
            int order = Integer.compareUnsigned(before.leaf(), after.leaf());
            assertThat(order < 0 || order == 0 && before.subleaf() < after.subleaf())
                    .as("%s then %s", before, after)
                    .isTrue();
        }
    }
}
