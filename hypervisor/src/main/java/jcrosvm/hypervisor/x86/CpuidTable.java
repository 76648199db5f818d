package jcrosvm.hypervisor.x86;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** The answers of CPUID, in ascending order of leaf and subleaf. */
public record CpuidTable(List<CpuidLeaf> leaves) {
    public CpuidTable {
        leaves = List.copyOf(leaves);
    }

    public Optional<CpuidLeaf> find(int leaf, int subleaf) {
        return leaves.stream()
                .filter(l -> l.leaf() == leaf && (!l.indexed() || l.subleaf() == subleaf))
                .findFirst();
    }

    /** With every subleaf of {@code leaf} changed. */
    public CpuidTable with(int leaf, UnaryOperator<CpuidLeaf> change) {
        return new CpuidTable(
                leaves.stream().map(l -> l.leaf() == leaf ? change.apply(l) : l).toList());
    }

    /** With {@code leaf}'s answers replaced, or added. */
    public CpuidTable replacing(int leaf, List<CpuidLeaf> answers) {
        List<CpuidLeaf> result =
                new ArrayList<>(leaves.stream().filter(l -> l.leaf() != leaf).toList());
        result.addAll(answers);
        result.sort((a, b) -> a.leaf() != b.leaf()
                ? Integer.compareUnsigned(a.leaf(), b.leaf())
                : Integer.compareUnsigned(a.subleaf(), b.subleaf()));
        return new CpuidTable(result);
    }
}
