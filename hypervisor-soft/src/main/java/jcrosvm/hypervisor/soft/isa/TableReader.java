package jcrosvm.hypervisor.soft.isa;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import org.jspecify.annotations.Nullable;

/**
 * Parses the lines of the operation table; its head explains them. Works on bytes and parses what repeats only once,
 * because it runs, cold, at each start of the program.
 */
final class TableReader {
    /** What Jcc, SETcc and CMOVcc look at, by the upper three bits of the condition (SDM volume 1, appendix B). */
    private static final int[] CONDITION_FLAGS = {
        Rflags.OF,
        Rflags.CF,
        Rflags.ZF,
        Rflags.CF | Rflags.ZF,
        Rflags.SF,
        Rflags.PF,
        Rflags.SF | Rflags.OF,
        Rflags.SF | Rflags.OF | Rflags.ZF
    };

    private static final String[] CONDITIONS = {
        "o", "no", "b", "nb", "z", "nz", "be", "nbe", "s", "ns", "p", "np", "l", "nl", "le", "nle"
    };

    private static final int TOKENS = 1024; // about 170 are used

    /** An operand or a word that stands in many rows. */
    private static final class Token {
        final byte[] text;
        String letters = "";
        int access;
        long code;

        @Nullable
        Word word;

        Token(byte[] text) {
            this.text = text;
        }
    }

    private final @Nullable Token[] tokens = new @Nullable Token[TOKENS];
    private final byte[] text;
    private int at;
    private Word section = new Word();

    TableReader(byte[] text) {
        this.text = text;
    }

    void read(List<Row> rows, List<Form> forms) {
        while (at < text.length) {
            if (text[at] == '#') {
                while (text[at] != '\n') {
                    at++;
                }
            } else if (text[at] != '\n') {
                line(rows, forms);
            }
            at++;
        }
    }

    private void line(List<Row> rows, List<Form> forms) {
        String encoding = string();
        if (encoding.equals("section")) {
            section = new Word();
            words(section);
            return;
        }
        String mnemonic = string();
        Token[] operands = operands();
        Word said = new Word();
        said.add(section);
        words(said);
        Op op = said.operation;
        if (op == null) {
            op = Op.valueOf(mnemonic.toUpperCase(Locale.ROOT));
        }
        Row row = new Row(encoding, said.counted, said.conditional);
        int attributes = said.attributes;
        if (row.mod != 0) {
            attributes |= row.mod == 'r' ? Form.REGISTER_ONLY : Form.MEMORY_ONLY;
        }
        String[] letters = new String[operands.length];
        int[] accesses = new int[operands.length];
        for (int i = 0; i < operands.length; i++) {
            letters[i] = operands[i].letters;
            accesses[i] = operands[i].access;
            long code = operands[i].code;
            int method = Letters.method(code);
            if (Letters.registerOnly(method)) {
                attributes |= Form.REGISTER_ONLY;
            } else if (method == Letters.M) {
                attributes |= Form.MEMORY_ONLY;
            }
            boolean wide = Letters.memorySize(code) == 16 && (method == Letters.W || method == Letters.M);
            if (op == Op.SIMD && wide && !said.unaligned) {
                attributes |= Form.ALIGNED_16;
            }
        }
        Form form = new Form(
                mnemonic,
                op,
                row.opcode,
                row.map,
                row.prefix(),
                row.vex,
                row.reg,
                letters,
                accesses,
                said.flagsRead,
                said.flagsWritten,
                said.flagsUndefined,
                said.registersRead,
                said.registersWritten,
                attributes,
                said.feature);
        rows.add(row);
        forms.add(row.conditional ? conditional(form, 0) : form);
    }

    // concat: the operator would cost 20 ms at the first use.
    /** The form of another condition: row {@code cc} by {@code condition}. */
    static Form conditional(Form form, int condition) {
        String stem = switch (form.operation()) {
            case JCC -> "j";
            case SETCC -> "set";
            default -> "cmov";
        };
        int opcode = (form.opcode() & 0xf0) + condition;
        return with(form, stem.concat(CONDITIONS[condition]), opcode, CONDITION_FLAGS[condition >> 1], 0, 0);
    }

    /** A shift whose count is 0. */
    static Form withoutFlags(Form form) {
        return with(form, form.mnemonic(), form.opcode(), 0, 0, 0);
    }

    private static Form with(Form form, String mnemonic, int opcode, int read, int written, int undefined) {
        return new Form(
                mnemonic,
                form.operation(),
                opcode,
                form.map(),
                form.prefix(),
                form.vex(),
                form.group(),
                form.operands(),
                form.accesses(),
                read,
                written,
                undefined,
                form.registersRead(),
                form.registersWritten(),
                form.attributes(),
                form.feature());
    }

    // Pieces of a line

    /** To where the next piece begins. */
    private void skip() {
        while (text[at] == ' ') {
            at++;
        }
    }

    private String string() {
        skip();
        int from = at;
        while (text[at] > ' ') {
            at++;
        }
        return new String(text, from, at - from, StandardCharsets.ISO_8859_1);
    }

    private Token[] operands() {
        skip();
        int count = 1;
        int end = at;
        for (; text[end] > ' '; end++) {
            count += text[end] == ',' ? 1 : 0;
        }
        if (text[at] == '-') {
            at = end;
            return new Token[0];
        }
        Token[] operands = new Token[count];
        for (int i = 0; i < count; i++) {
            Token token = token(',');
            if (token.letters.isEmpty()) {
                operand(token);
            }
            operands[i] = token;
            at++;
        }
        at--;
        return operands;
    }

    private static void operand(Token token) {
        String operand = new String(token.text, StandardCharsets.ISO_8859_1);
        int colon = operand.indexOf(':');
        token.letters = colon < 0 ? operand : operand.substring(0, colon);
        token.code = Letters.parse(token.letters);
        token.access = switch (colon < 0 ? "r" : operand.substring(colon + 1)) {
            case "r" -> Form.READ;
            case "w" -> Form.WRITE;
            case "rw" -> Form.READ | Form.WRITE;
            case "n" -> 0;
            default -> throw new IllegalArgumentException(operand);
        };
    }

    private void words(Word into) {
        for (skip(); text[at] > ' '; skip()) {
            Token token = token(' ');
            Word word = token.word;
            if (word == null) {
                word = new Word(new String(token.text, StandardCharsets.ISO_8859_1));
                token.word = word;
            }
            into.add(word);
        }
    }

    private Token token(char separator) {
        int from = at;
        int hash = 0;
        while (text[at] > ' ' && text[at] != separator) {
            hash = hash * 31 + text[at++];
        }
        int length = at - from;
        for (int i = hash; ; i++) {
            Token token = tokens[i & TOKENS - 1];
            if (token == null) {
                byte[] copy = new byte[length];
                System.arraycopy(text, from, copy, 0, length);
                token = new Token(copy);
                tokens[i & TOKENS - 1] = token;
                return token;
            }
            if (is(token.text, from, length)) {
                return token;
            }
        }
    }

    private boolean is(byte[] token, int from, int length) {
        if (token.length != length) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (token[i] != text[from + i]) {
                return false;
            }
        }
        return true;
    }
}
