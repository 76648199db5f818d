package jcrosvm.vmm;

import jcrosvm.base.VmmException;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.x86.X86Hypervisor;
import jcrosvm.vmm.board.Board;
import jcrosvm.vmm.board.BoardContext;
import jcrosvm.vmm.config.VmConfig;
import jcrosvm.vmm.x86.X86Board;

/** The boards of all architectures: which one a machine gets follows from its hypervisor. */
final class Boards {
    private Boards() {}

    /**
     * Checks what depends on the hypervisor and its architecture, before anything is opened.
     *
     * @throws VmmException naming what the hypervisor lacks
     */
    static void validate(VmConfig config, Hypervisor hypervisor) {
        if (config.cpus().count() > hypervisor.maxVcpus()) {
            throw new VmmException(config.cpus().count() + " vCPUs: " + hypervisor.name() + " on this host allows "
                    + hypervisor.maxVcpus());
        }
        X86Board.validate(config, x86(hypervisor));
        config.validateOn(hypervisor);
    }

    /** A new board. What it opened before it failed is in the context's resources. */
    static Board of(Hypervisor hypervisor, BoardContext context) {
        return new X86Board(x86(hypervisor), context);
    }

    private static X86Hypervisor x86(Hypervisor hypervisor) {
        if (hypervisor instanceof X86Hypervisor x86) {
            return x86;
        }
        throw new VmmException("no machine of this build runs on hypervisor " + hypervisor.name());
    }
}
