package jcrosvm.config;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Usage of a command, made from the tables that it is read with. */
public final class HelpText {
    private static final int WIDTH = 80;
    private static final int INDENT = 22;

    private HelpText() {}

    /** The text of {@code --help}, ending with a newline. */
    public static String of(Syntax syntax) {
        StringBuilder out = new StringBuilder("Usage: ").append(syntax.command());
        if (!syntax.groups().isEmpty()) {
            out.append(" [options]");
        }
        for (Syntax.Positional p : syntax.positionals()) {
            out.append(p.isRequired() ? " " + p.name() : " [" + p.name() + "]");
        }
        out.append("\n\n");
        wrap(out, syntax.summary(), 0);
        if (!syntax.positionals().isEmpty()) {
            out.append("\nArguments:\n");
            for (Syntax.Positional p : syntax.positionals()) {
                entry(out, "  " + p.name(), p.help());
            }
        }
        for (Option.Group group : syntax.groups()) {
            out.append('\n').append(group.title()).append(":\n");
            for (Option<?> option : group.options()) {
                entry(out, "  " + usage(option), sentences(option));
                for (KeyHelp key : keys(option)) {
                    out.repeat(' ', INDENT + 2);
                    wrap(out, key.toString(), INDENT + 4);
                }
            }
        }
        return out.toString();
    }

    /** {@code -m, --mem SIZE}. */
    public static String usage(Option<?> option) {
        return (option.letter() == 0 ? "" : "-" + option.letter() + ", ")
                + "--"
                + option.name()
                + (option.isSwitch() ? "" : " " + option.argument());
    }

    /** The help of an option with what its declaration says about it. */
    public static String help(Option<?> option) {
        List<KeyHelp> keys = keys(option);
        return sentences(option)
                + (keys.isEmpty()
                        ? ""
                        : keys.stream().map(KeyHelp::toString).collect(Collectors.joining("; ", " Keys: ", ".")));
    }

    private static String sentences(Option<?> option) {
        return option.help()
                + (option.isRepeatable() ? " Can be repeated." : "")
                + (option.replacement() == null ? "" : " Deprecated: use " + option.replacement() + ".");
    }

    /** Those of an option that is not deprecated: of the others, the option to use instead has them. */
    private static List<KeyHelp> keys(Option<?> option) {
        return option.isStructured() && option.replacement() == null ? KeyHelp.of(option.type()) : List.of();
    }

    /** The keys that a structured option takes, as a user begins to write them: {@code ro}, {@code block-size=}. */
    public static List<String> keyWords(Option<?> option) {
        return option.isStructured()
                ? KeyHelp.of(option.type()).stream()
                        .map(key -> key.usage().replaceFirst("=.*", "="))
                        .toList()
                : List.of();
    }

    private static void entry(StringBuilder out, String head, String text) {
        out.append(head);
        if (head.length() > INDENT - 2) {
            out.append('\n').repeat(' ', INDENT);
        } else {
            out.repeat(' ', INDENT - head.length());
        }
        wrap(out, text, INDENT);
    }

    private static void wrap(StringBuilder out, String text, int indent) {
        int column = indent;
        for (String word : words(text)) {
            if (column > indent) {
                if (column + 1 + word.length() > WIDTH) {
                    out.append('\n').repeat(' ', indent);
                    column = indent;
                } else {
                    out.append(' ');
                    column++;
                }
            }
            out.append(word);
            column += word.length();
        }
        out.append('\n');
    }

    private static List<String> words(String text) {
        List<String> words = new ArrayList<>();
        int start = 0;
        for (int i = 0; i <= text.length(); i++) {
            if (i == text.length() || text.charAt(i) == ' ') {
                if (i > start) {
                    words.add(text.substring(start, i));
                }
                start = i + 1;
            }
        }
        return words;
    }
}
