package jcrosvm.app;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.HelpText;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;

/** {@code completion}: a script for bash that completes commands, options and the keys of options. */
final class CompletionCommand extends Command {
    /** The words of each command follow as cases of a variable: {@code run}, {@code run--block}. */
    private static final String HEAD = """
            # Completion of jcrosvm for bash: source <(jcrosvm completion). In zsh after bashcompinit.
            _jcrosvm() {
                local word=${COMP_WORDS[COMP_CWORD]} before= command= words= i
                for ((i = 1; i < COMP_CWORD; i++)); do
                    [[ ${COMP_WORDS[i]} == -* ]] || { command=${COMP_WORDS[i]}; break; }
                done
                # bash may cut words at "=", so the whole word is what stands behind the last space.
                word=${COMP_LINE:0:COMP_POINT}
                before=${word% *}
                before=${before##* }
                word=${word##* }
                [[ $word == -* || $before != --* ]] || command+=$before
                case $command in
            """;

    private static final String TAIL = """
                esac
                local cut=
                if [[ $command == *--* ]]; then
                    [[ $word != *[,[]* ]] || cut=${word%"${word##*[,[]}"}
                    compopt -o nospace 2>/dev/null
                elif [[ $word != -* && -n $command ]]; then
                    return
                fi
                mapfile -t COMPREPLY < <(compgen -P "$cut" -W "$words" -- "${word#"$cut"}")
                [[ $COMP_WORDBREAKS != *=* || $word != *=* ]] || COMPREPLY=("${COMPREPLY[@]#"${word%=*}="}")
            }
            complete -o default -F _jcrosvm jcrosvm
            """;

    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm completion",
                "Prints a script that completes commands, options and keys in bash: source <(jcrosvm completion).",
                List.of(),
                List.of());
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        System.out.print(script());
        System.out.flush();
        return ExitCode.SUCCESS;
    }

    static String script() {
        StringBuilder out = new StringBuilder(HEAD);
        List<String> names = new ArrayList<>(options(GlobalOptions.SYNTAX));
        for (Commands.Entry entry : Commands.ENTRIES) {
            names.add(entry.name());
            Syntax syntax = Commands.find(entry.name()).syntax();
            line(out, entry.name(), options(syntax));
            for (Option.Group group : syntax.groups()) {
                for (Option<?> option : group.options()) {
                    List<String> keys = HelpText.keyWords(option);
                    if (!keys.isEmpty()) {
                        line(out, entry.name() + "--" + option.name(), keys);
                    }
                }
            }
        }
        line(out, "''", names);
        return out.append(TAIL).toString();
    }

    private static List<String> options(Syntax syntax) {
        List<String> words = new ArrayList<>(List.of("--help"));
        for (Option.Group group : syntax.groups()) {
            for (Option<?> option : group.options()) {
                if (option.replacement() == null) {
                    words.add("--" + option.name());
                }
            }
        }
        return words;
    }

    private static void line(StringBuilder out, String pattern, List<String> words) {
        out.append("        ")
                .append(pattern)
                .append(") words=\"")
                .append(String.join(" ", words))
                .append("\" ;;\n");
    }
}
