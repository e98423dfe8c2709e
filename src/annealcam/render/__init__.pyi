from .explanation_text import headline as headline, selection_summary as selection_summary
from .figures.annealing import annealing_figures as annealing_figures
from .figures.atlas import channel_sheet as channel_sheet, class_sheet as class_sheet
from .figures.best_k import best_k_figure as best_k_figure
from .figures.picture import report_picture as report_picture
from .folder import write_folder as write_folder
from .html.explanation import explanation_html as explanation_html
