package jcrosvm.hypervisor.soft.isa;

import jcrosvm.hypervisor.soft.cpu.Rflags;
import org.jspecify.annotations.Nullable;

/** What one of the words behind a row's operands says; the head of the table explains them. */
final class Word {
    private static final int ALL_FLAGS = Rflags.ARITHMETIC
            | Rflags.TF
            | Rflags.IF
            | Rflags.DF
            | Rflags.IOPL
            | Rflags.NT
            | Rflags.RF
            | Rflags.VM
            | Rflags.AC
            | Rflags.VIF
            | Rflags.VIP
            | Rflags.ID;
    private static final String FLAG_LETTERS = "oditszapcAN*";
    private static final int[] FLAGS = {
        Rflags.OF, Rflags.DF, Rflags.IF, Rflags.TF, Rflags.SF, Rflags.ZF, Rflags.AF, Rflags.PF, Rflags.CF, Rflags.AC,
        Rflags.NT, ALL_FLAGS
    };
    private static final String[] REGISTERS = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"};

    @Nullable
    Op operation;

    int flagsRead;
    int flagsWritten;
    int flagsUndefined;
    int registersRead;
    int registersWritten;
    int attributes;
    boolean unaligned;
    /** A shift count of 0 leaves all flags. */
    boolean counted;
    /** Sixteen rows. */
    boolean conditional;

    String feature = "";

    /** Nothing said. */
    Word() {}

    Word(String word) {
        int equals = word.indexOf('=');
        if (equals >= 0) {
            assign(word, word.substring(0, equals), word.substring(equals + 1));
        } else if (word.charAt(0) == '+') {
            feature = word.substring(1);
        } else {
            attribute(word);
        }
    }

    /** Says what the other does, too. */
    void add(Word other) {
        if (other.operation != null) {
            operation = other.operation;
        }
        if (!other.feature.isEmpty()) {
            feature = other.feature;
        }
        flagsRead |= other.flagsRead;
        flagsWritten |= other.flagsWritten;
        flagsUndefined |= other.flagsUndefined;
        registersRead |= other.registersRead;
        registersWritten |= other.registersWritten;
        attributes |= other.attributes;
        unaligned |= other.unaligned;
        counted |= other.counted;
        conditional |= other.conditional;
    }

    private void assign(String word, String name, String value) {
        switch (name) {
            case "op" -> operation = Op.valueOf(value);
            case "r" -> {
                conditional = value.equals("cc");
                flagsRead = conditional ? 0 : flags(word, value);
            }
            case "w" -> flagsWritten = flags(word, value);
            case "u" -> {
                flagsUndefined = flags(word, value);
                flagsWritten = flagsUndefined;
            }
            case "in" -> registersRead = registers(word, value);
            case "out" -> registersWritten = registers(word, value);
            default -> throw new IllegalArgumentException(word);
        }
    }

    private void attribute(String word) {
        switch (word) {
            case "i64" -> attributes = Form.NOT_IN_64;
            case "o64" -> attributes = Form.ONLY_IN_64;
            case "d64" -> attributes = Form.DEFAULT_64;
            case "lock" -> attributes = Form.LOCKABLE;
            case "priv" -> attributes = Form.PRIVILEGED | Form.MAY_FAULT;
            case "ends" -> attributes = Form.ENDS_BLOCK;
            case "fault" -> attributes = Form.MAY_FAULT;
            case "atomic" -> attributes = Form.ATOMIC;
            case "a16" -> attributes = Form.ALIGNED_16;
            case "rep" -> attributes = Form.REP;
            case "xm" -> attributes = Form.MXCSR;
            case "unaligned" -> unaligned = true;
            case "count" -> counted = true;
            default -> throw new IllegalArgumentException(word);
        }
    }

    private static int flags(String word, String letters) {
        int set = 0;
        for (int i = 0; i < letters.length(); i++) {
            int letter = FLAG_LETTERS.indexOf(letters.charAt(i));
            if (letter < 0) {
                throw new IllegalArgumentException(word);
            }
            set |= FLAGS[letter];
        }
        return set;
    }

    private static int registers(String word, String names) {
        int set = 0;
        for (int from = 0, end; from < names.length(); from = end + 1) {
            int comma = names.indexOf(',', from);
            end = comma < 0 ? names.length() : comma;
            String name = names.substring(from, end);
            int number = name.equals("r11") ? 11 : -1;
            for (int i = 0; i < REGISTERS.length; i++) {
                if (REGISTERS[i].equals(name)) {
                    number = i;
                }
            }
            if (number < 0) {
                throw new IllegalArgumentException(word);
            }
            set |= 1 << number;
        }
        return set;
    }
}
