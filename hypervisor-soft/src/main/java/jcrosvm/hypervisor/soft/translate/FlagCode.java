package jcrosvm.hypervisor.soft.translate;

import static jcrosvm.hypervisor.soft.translate.Assembler.M1;
import static jcrosvm.hypervisor.soft.translate.Assembler.RAX;
import static jcrosvm.hypervisor.soft.translate.Assembler.W;
import static jcrosvm.hypervisor.soft.translate.Frame.STATE;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP0;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP1;

import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;

/** Where the guest's arithmetic flags are while code is emitted, and the code that moves them. */
final class FlagCode {
    private final Assembler out;

    /** The host's flags register holds the guest's arithmetic flags. */
    private boolean inRegister;
    /** {@link Frame#FLAGS} does. */
    private boolean saved;

    FlagCode(Assembler out) {
        this.out = out;
    }

    boolean inRegister() {
        return inRegister;
    }

    boolean saved() {
        return saved;
    }

    boolean onlyInRegister() {
        return inRegister && !saved;
    }

    /** At a place that is reached with flags in these places. */
    void at(boolean newInRegister, boolean newSaved) {
        inRegister = newInRegister;
        saved = newSaved;
    }

    /** After an instruction that defines flags. */
    void written() {
        at(true, false);
    }

    /** After code that has destroyed the host's flags. */
    void destroyed() {
        inRegister = false;
    }

    /** Before code that destroys the host's flags, while the guest's are {@code live}. */
    void clobber(boolean live) {
        if (live) {
            keep();
        }
        inRegister = false;
    }

    /** Has the flags in the frame: behind an instruction whose flags may be shown and cannot be recorded, too. */
    void keep() {
        if (!saved) {
            store();
            saved = true;
        }
    }

    /** From the host's register to the frame, without a note of it. */
    void store() {
        out.move64(TEMP1, RAX);
        out.emit(0xb8); // mov eax, 0: no record
        out.emit32(0);
        out.emit(0x9f); // lahf
        out.rr(M1 | 0x90, 0, RAX); // seto al
        out.rm(0x89, RAX, STATE, Frame.FLAGS);
        out.move64(RAX, TEMP1);
    }

    /** Before an instruction that looks at flags or leaves some of them as they are. */
    void need() {
        if (!inRegister) {
            out.move64(TEMP1, RAX);
            load();
            out.move64(RAX, TEMP1);
            inRegister = true;
        }
    }

    /** The same while the temporary registers are in use. */
    void needKeepingTemporaries() {
        if (!inRegister) {
            out.store64(RAX, STATE, Frame.SAVED_RAX);
            load();
            out.load64(RAX, STATE, Frame.SAVED_RAX);
            inRegister = true;
        }
    }

    private void load() {
        out.rm(M1 | 0xb7, RAX, STATE, Frame.FLAGS); // movzx
        out.emit(0x04, 0x7f); // add al, 7f: OF
        out.emit(0x9e); // sahf
    }

    /** The guest's RFLAGS, but RF and VM, into r11; destroys r10. They must be saved. */
    void compose() {
        out.rm(M1 | 0xb6, TEMP0, STATE, Frame.FLAGS); // movzx: OF
        out.rr(0xc1, 4, TEMP0); // shl
        out.emit(Integer.numberOfTrailingZeros(Rflags.OF));
        out.rm(M1 | 0xb6, TEMP1, STATE, Frame.FLAGS + 1);
        out.aluImmediate(0, 4, TEMP1, Rflags.ARITHMETIC & 0xff);
        out.rr(0x0b, TEMP1, TEMP0); // or
        out.load64(TEMP0, STATE, StateLayout.RFLAGS);
        out.aluImmediate(W, 4, TEMP0, ~(Rflags.ARITHMETIC | Rflags.RF | Rflags.VM));
        out.rr(0x0b | W, TEMP1, TEMP0);
    }
}
