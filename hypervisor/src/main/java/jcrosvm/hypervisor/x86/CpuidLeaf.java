package jcrosvm.hypervisor.x86;

/**
 * One CPUID answer.
 *
 * @param indexed whether the subleaf (ECX) selects it
 */
public record CpuidLeaf(int leaf, int subleaf, boolean indexed, int eax, int ebx, int ecx, int edx) {
    public CpuidLeaf withEax(int value) {
        return new CpuidLeaf(leaf, subleaf, indexed, value, ebx, ecx, edx);
    }

    public CpuidLeaf withEbx(int value) {
        return new CpuidLeaf(leaf, subleaf, indexed, eax, value, ecx, edx);
    }

    public CpuidLeaf withEcx(int value) {
        return new CpuidLeaf(leaf, subleaf, indexed, eax, ebx, value, edx);
    }

    public CpuidLeaf withEdx(int value) {
        return new CpuidLeaf(leaf, subleaf, indexed, eax, ebx, ecx, value);
    }
}
