package jcrosvm.vmm.x86;

/** Content of one of the {@link TestPorts}' registers. */
public record TestMemoryState(byte[] bytes) {
    public TestMemoryState {
        bytes = bytes.clone();
    }
}
